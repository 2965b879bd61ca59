using System.Diagnostics;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Rx.IotLink.Tests.Security;

namespace Rx.IotLink.Tests.Cli;

/// <summary>The command as daemons start it: with standard streams that are closed, or that nobody reads.</summary>
[TestFixture]
[Platform(Exclude = "Win")]
[Parallelizable(ParallelScope.Self)]
internal sealed partial class StreamsTests
{
    private const string NoOutput = "iotlink: there is no standard output, where received lines go: nothing was started.";

    [Test]
    public async Task A_server_without_streams([Values] bool input, [Values] bool output, [Values] bool error)
    {
        var port = FreePort.Get();
        await using var server = IotLinkProcess.StartByShell(Script(input, output, error), ["serve", "--port", port.Text(), "--bind", "127.0.0.1"]);
        if (!output)
        {
            await AssertNotStartedAsync(server, error);
            return;
        }

        await using var client = IotLinkProcess.Connect(port, "a");
        await client.WriteAsync("one\ntwo\n");
        client.EndInput();
        Assert.That(await client.ExitAsync(), Is.Zero);
        Assert.That(await IotLinkProcess.AllAsync(client.Output), Is.Empty, "nothing that the server said comes back as its input");
        server.Signal("TERM");
        Assert.That(await server.ExitAsync(), Is.Zero);
        Assert.That(await IotLinkProcess.AllAsync(server.Output), Is.EqualTo(["a\tone", "a\ttwo"]), "what was acknowledged was printed");
        Assert.That(await IotLinkProcess.AllAsync(server.Events), error ? Has.Some.StartsWith("a up") : Is.Empty);
    }

    [Test]
    public async Task A_client_without_streams([Values] bool input, [Values] bool output, [Values] bool error)
    {
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        await server.WriteAsync("a\tback\n");
        await using var client = IotLinkProcess.StartByShell(Script(input, output, error), ["connect", $"127.0.0.1:{port}", "--id", "a", "--drain", "20"]);
        if (!output)
        {
            await AssertNotStartedAsync(client, error);
            return;
        }

        if (input)
        {
            await client.WriteAsync("one\n");
            Assert.That(await server.OutputAsync(1), Is.EqualTo(["a\tone"]));
            Assert.That(await client.OutputAsync(1), Is.EqualTo(["back"]));
            client.EndInput();
        }

        Assert.That(await client.ExitAsync(), Is.Zero, "no standard input is the end of the input");
        Assert.That(await IotLinkProcess.AllAsync(client.Events), error ? Has.Some.StartsWith("a up") : Is.Empty);
    }

    [TestCase("exec \"$@\" 2>&-")]
    [TestCase("exec \"$@\" 2</dev/null")]
    public async Task A_bad_option_without_standard_error_is_exit_code_2(string script)
    {
        await using var command = IotLinkProcess.StartByShell(script, ["serve", "--port", "no"]);
        Assert.That(await command.ExitAsync(), Is.EqualTo(2));
    }

    [TestCase("exec \"$@\" >&-", "key", "new", "a")]
    [TestCase("exec \"$@\" >&-", "--help")]
    [TestCase("exec \"$@\" 1</dev/null", "connect", "127.0.0.1:1", "--id", "a")]
    public async Task What_can_be_printed_nowhere_is_exit_code_2(string script, params string[] arguments)
    {
        await using var command = IotLinkProcess.StartByShell(script, arguments);
        await AssertNotStartedAsync(command, error: true);
    }

    [Test]
    public async Task A_standard_output_that_cannot_be_written_is_told()
    {
        if (!File.Exists("/dev/full"))
            Assert.Ignore("this system has no device that is always full");
        await using var command = IotLinkProcess.StartByShell("exec \"$@\" >/dev/full", ["key", "new", "a"]);
        Assert.That(await command.ExitAsync(), Is.EqualTo(1));
        Assert.That(await IotLinkProcess.AllAsync(command.Events), Has.Count.EqualTo(1).And.All.StartsWith("iotlink: standard output cannot be written: "));
    }

    [Test]
    public async Task A_log_that_nobody_reads_stops_nothing([Values] bool isReadLater)
    {
        const int Skipped = 6_000;
        using var files = new TestFiles();
        using var log = await OpenPipeAsync(files.PathOf("log"));
        var port = FreePort.Get();
        await using var server = IotLinkProcess.StartByShell($"exec \"$@\" 2>'{log.Name}'", ["serve", "--port", port.Text(), "--bind", "127.0.0.1"]);
        // Each one is reported: many times more than the pipe and the queue can hold.
        await server.WriteAsync(string.Concat(Enumerable.Range(0, Skipped).Select(_ => "no tab\n")) + "a\tafter them\n");

        await using var client = IotLinkProcess.Connect(port, "a");
        await client.WriteAsync("one\n");
        Assert.That(await server.OutputAsync(1), Is.EqualTo(["a\tone"]));
        Assert.That(await client.OutputAsync(1), Is.EqualTo(["after them"]));
        client.EndInput();
        Assert.That(await client.ExitAsync(), Is.Zero);

        var told = isReadLater ? await ReadAsync(log, Skipped) : Skipped;
        server.Signal("TERM");
        Assert.That(await server.ExitAsync(), Is.EqualTo(1), "lines were skipped");
        Assert.That(told, Is.InRange(Skipped, Skipped + 10), "ten for what the client did");
    }

    private static string Script(bool input, bool output, bool error) =>
        $"exec \"$@\" {(input ? "" : "<&-")} {(output ? "" : ">&-")} {(error ? "" : "2>&-")}";

    private static async Task AssertNotStartedAsync(IotLinkProcess command, bool error)
    {
        Assert.That(await command.ExitAsync(), Is.EqualTo(2));
        Assert.That(await IotLinkProcess.AllAsync(command.Output), Is.Empty);
        Assert.That(await IotLinkProcess.AllAsync(command.Events), error ? Is.EqualTo([NoOutput]) : Is.Empty);
    }

    /// <summary>
    /// A pipe with a name. Open for both, so that a writer need not wait for a reader, and gets no error that there is
    /// none.
    /// </summary>
    private static async Task<FileStream> OpenPipeAsync(string path)
    {
        using var making = Process.Start("mkfifo", [path]);
        await making.WaitForExitAsync().WaitAsync(IotLinkProcess.Bound);
        return new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
    }

    /// <summary>Reads until this many events were reported, or reported as missing; returns how many.</summary>
    private static async Task<int> ReadAsync(FileStream log, int enough)
    {
        using var reader = new StreamReader(log, leaveOpen: true);
        var told = 0;
        while (told < enough)
        {
            var line = (await reader.ReadLineAsync().WaitAsync(IotLinkProcess.Bound))!;
            if (Missing().Match(line) is { Success: true } missing)
                told += int.Parse(missing.Groups["count"].ValueSpan);
            else if (line.Contains("was skipped", StringComparison.Ordinal))
                told++;
        }

        return told;
    }

    [GeneratedRegex("warning: (?<count>[0-9]+) events are missing here", RegexOptions.None, 1_000)]
    private static partial Regex Missing();
}
