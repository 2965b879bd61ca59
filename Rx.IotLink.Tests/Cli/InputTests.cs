using System.Text;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Cli;

/// <summary>Lines of the input that break a rule are reported with their number, and skipped.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
internal sealed class InputTests
{
    [Test]
    public async Task A_client_skips_bad_lines_and_delivers_the_others()
    {
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "a", "--protocol", "1");
        var longest = new string('x', 4_000);
        await client.WriteAsync(Encoding.UTF8.GetBytes($"first\n\n{longest}\n{longest}x\n"));
        await client.WriteAsync([0xff, 0xfe, (byte)'\n', (byte)'l', (byte)'a', (byte)'s', (byte)'t', (byte)'\n']);
        client.EndInput();

        Assert.That(await client.ExitAsync(), Is.EqualTo(1));
        Assert.That(await server.OutputAsync(3), Is.EqualTo(["a\tfirst", $"a\t{longest}", "a\tlast"]));
        Assert.That(
            (await IotLinkProcess.AllAsync(client.Events)).Where(line => line.StartsWith("line ", StringComparison.Ordinal)),
            Is.EqualTo(
            [
                "line 2 of standard input was skipped: it is empty",
                "line 4 of standard input was skipped: it is longer than 4000 bytes",
                "line 5 of standard input was skipped: it is not valid UTF-8",
            ]));
    }

    [Test]
    public async Task A_server_skips_bad_lines_and_delivers_the_others()
    {
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        await server.WriteAsync($"no tab\n\tno id\na\t\na\u0001\tcontrol\n{new string('i', 129)}\tlong id\na\t{new string('x', 4_001)}\na\tgood\n");
        server.EndInput();
        await using var client = IotLinkProcess.Connect(port, "a", "--stay");
        Assert.That(await client.OutputAsync(1), Is.EqualTo(["good"]));

        server.Signal();
        Assert.That(await server.ExitAsync(), Is.EqualTo(1));
        Assert.That(
            (await IotLinkProcess.AllAsync(server.Events)).Where(line => line.StartsWith("line ", StringComparison.Ordinal)),
            Is.EqualTo(
            [
                "line 1 of standard input was skipped: it has no TAB, it must be ID TAB line",
                "line 2 of standard input was skipped: its id is empty",
                "line 3 of standard input was skipped: nothing follows its TAB",
                "line 4 of standard input was skipped: its id has a control character",
                "line 5 of standard input was skipped: its id is longer than 128 bytes",
                "line 6 of standard input was skipped: it has more than 4000 bytes after its TAB",
            ]));
    }
}
