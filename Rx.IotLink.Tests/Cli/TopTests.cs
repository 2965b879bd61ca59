using System.Text.Json;
using NUnit.Framework;
using Rx.IotLink.Tests.Processes;

namespace Rx.IotLink.Tests.Cli;

/// <summary><c>iotlink top</c>: a live table on a terminal, plain lines in a pipe.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
internal sealed class TopTests
{
    private const int Columns = 80;

    private static readonly Dictionary<string, string> Terminal = new(StringComparer.Ordinal) { ["TERM"] = "xterm", ["NO_COLOR"] = "" };

    [Test]
    public async Task In_a_pipe_each_device_is_a_line_and_again_when_it_changes()
    {
        var (server, port, url) = await ServeAsync();
        await using var serving = server;
        await using var pump = IotLinkProcess.Connect(port, "pump-1", "--stay");
        await server.EventAsync("pump-1 up");
        await using var top = IotLinkProcess.Start("top", "--url", url);
        await using var json = IotLinkProcess.Start("top", "--json", "--search", "PUMP", "--url", url);
        await using var others = IotLinkProcess.Start("top", "--search", "valve", "--url", url);

        Assert.That(await top.OutputAsync("pump-1"), Does.Match("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z  pump-1  up$"));
        Assert.That(JsonElement.Parse(await json.OutputAsync("pump-1")).GetProperty("state").GetString(), Is.EqualTo("up"));
        await using var valve = IotLinkProcess.Connect(port, "valve-1", "--stay");
        await others.OutputAsync("valve-1  up");
        pump.Signal();
        Assert.That(await top.OutputAsync("down"), Does.Match("  pump-1  down  peer_left: "));
        await using (var forget = IotLinkProcess.Start("forget", "pump-1", "--url", url))
            Assert.That(await forget.ExitAsync(), Is.Zero);
        await top.OutputAsync("pump-1  forgotten");
        Assert.That(await json.OutputAsync("forgotten"), Is.EqualTo("""{"id":"pump-1","state":"forgotten"}"""));

        top.Signal();
        Assert.That(await top.ExitAsync(), Is.Zero);
        others.Signal();
        Assert.That(await others.ExitAsync(), Is.Zero);
        Assert.That(await IotLinkProcess.AllAsync(others.Output), Has.None.Contains("pump"));
    }

    [Test]
    public async Task On_a_terminal_it_is_a_table_that_is_drawn_again()
    {
        var (server, port, url) = await ServeAsync();
        await using var serving = server;
        await using var pump = IotLinkProcess.Connect(port, "pump-1", "--stay");
        await using var markup = IotLinkProcess.Connect(port, "a ##@", "--stay");
        await Task.WhenAll(server.EventAsync("pump-1 up"), server.EventAsync("a ##@ up"));
        using var terminal = new PseudoTerminal();
        await using var top = IotLinkProcess.StartByShell($"stty cols {Columns} rows 24 <{terminal.Name} 2>/dev/null; exec \"$@\" >{terminal.Name}", ["top", "--url", url], Terminal);

        await terminal.ReadAsync("pump-1");
        pump.Signal();
        await terminal.ReadAsync("peer_left");
        // The last row of a picture: all above it is there.
        await using var last = IotLinkProcess.Connect(port, "zone-9", "--stay");
        var written = await terminal.ReadAsync("zone-9");
        var screen = TerminalScreen.Show(written, Columns).Where(line => line.Length > 0).ToList();
        Assert.That(screen[0], Does.StartWith("3 devices: 2 up, 1 down. 0 refused."), written.Replace("\u001b", "<E>", StringComparison.Ordinal));
        Assert.That(screen[1], Does.Match("^ ?STATE +ID +SINCE +IN/s +OUT/s +WAIT +WHY"));
        Assert.That(screen[2], Does.Match("^ ?down +pump-1 +[0-9]+ s +0 +0 +peer_left: the peer"), "what is down comes first");
        Assert.That(screen[3], Does.Match("^ ?up +a ##@ "));
        Assert.That(screen[4], Does.Match("^ ?up +zone-9"));
        Assert.That(screen, Has.Count.EqualTo(5), string.Join('\n', screen));

        top.Signal();
        Assert.That(await top.ExitAsync(), Is.Zero);
    }

    [Test]
    public async Task It_ends_with_the_server_and_says_so()
    {
        var (server, _, url) = await ServeAsync("--expect", "pump-1");
        await using var serving = server;
        await using var top = IotLinkProcess.Start("top", "--url", url);
        await using var without = IotLinkProcess.Start("top", "--url", url + "nothing/");
        Assert.That(await without.ExitAsync(), Is.EqualTo(1));
        Assert.That((await IotLinkProcess.AllAsync(without.Events)).Single(), Is.Not.Empty);
        await using (var send = IotLinkProcess.Start("send", "pump-1", "x", "--url", url))
            await top.OutputAsync("pump-1  connecting");
        server.Signal();

        Assert.That(await top.ExitAsync(), Is.EqualTo(1));
        Assert.That((await IotLinkProcess.AllAsync(top.Events)).Single(), Does.Match("^iotlink: http://.* (has ended the events|does not answer: .*)\\.?$"));
    }

    private static async Task<(IotLinkProcess Server, int Port, string Url)> ServeAsync(params string[] arguments)
    {
        var (server, port) = await IotLinkProcess.ServeAsync(["--page", "0", .. arguments]);
        return (server, port, (await server.EventAsync("page on "))["page on ".Length..].TrimEnd('/') + "/");
    }
}
