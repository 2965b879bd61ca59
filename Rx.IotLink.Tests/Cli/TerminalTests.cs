using System.Net;
using System.Net.Sockets;
using System.Text;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Cli;

/// <summary>What people see on a terminal, and that nobody else writes on it.</summary>
[TestFixture]
[Platform("Linux")]
[Parallelizable(ParallelScope.Self)]
internal sealed class TerminalTests
{
    // Clears the line and writes another, as a C0, a C1 and a CR; and turns the direction of what follows.
    private const string Hostile = "\u001b[2K\u009b2K\rpump-1\tvalve open\u202e\u200b\U000e0041x\u0007";
    private const string Shown = @"\u001b[2K\u009b2K\u000dpump-1" + "\t" + @"valve open\u202e\u200b\udb40\udc41x\u0007";

    private static readonly Dictionary<string, string> Plain = new(StringComparer.Ordinal) { ["TERM"] = "xterm", ["NO_COLOR"] = "1" };
    private static readonly Dictionary<string, string> Coloured = new(StringComparer.Ordinal) { ["TERM"] = "xterm", ["NO_COLOR"] = "" };

    [Test]
    public async Task A_received_line_has_a_mark_and_no_control_characters()
    {
        using var terminal = new PseudoTerminal();
        var (server, port) = Serve(terminal, Plain);
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "q");
        await client.WriteAsync($"{Hostile}\nend\n");
        var screen = await terminal.ReadAsync("end");
        Assert.That(screen, Does.Contain($"< q\t{Shown}\r\n< q\tend").And.Not.Contain('\u001b').And.Not.Contain('\u009b').And.Not.Contain('\u202e'));

        // What is typed stands as it was typed, and arrives without the mark.
        await terminal.TypeAsync("q\ttyped\n");
        await client.OutputAsync("typed");
        Assert.That(await terminal.ReadAsync("typed"), Does.Not.Contain("< q\ttyped"));
    }

    [Test]
    public async Task A_received_line_has_a_colour_of_its_own_where_there_are_colours()
    {
        using var terminal = new PseudoTerminal();
        var (server, port) = Serve(terminal, Coloured);
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "q");
        await client.WriteAsync("one\n");
        Assert.That(await terminal.ReadAsync("one\u001b[0m"), Does.Contain("\u001b[36m< q\tone\u001b[0m\r\n").And.Contain("\u001b[2mq joined\u001b[0m\r\n"));
    }

    [Test]
    public async Task A_client_marks_lines_too_and_json_gets_no_mark()
    {
        using var terminal = new PseudoTerminal();
        using var other = new PseudoTerminal();
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        await using var text = IotLinkProcess.StartByShell($"exec \"$@\" >{terminal.Name}", ["connect", $"127.0.0.1:{port}", "--id", "text"], Plain);
        await using var json = IotLinkProcess.StartByShell($"exec \"$@\" >{other.Name}", ["connect", $"127.0.0.1:{port}", "--id", "json", "--json"], Plain);
        await server.WriteAsync($"text\t{Hostile}\njson\ta\u202eb\u001bc\n");
        Assert.That(await terminal.ReadAsync("x\\u0007"), Is.EqualTo($"< {Shown}\r\n"));
        Assert.That(await other.ReadAsync("}"), Does.Match("""^\{"id":"json","line":"a\\u202eb\\u001bc","epoch":"[0-9a-f]{16}","number":1\}""").IgnoreCase);
    }

    /// <summary>Even in a file: files of events are looked at on terminals.</summary>
    [Test]
    public async Task An_event_has_no_control_characters_wherever_it_goes([Values] bool json)
    {
        var (server, port) = await IotLinkProcess.ServeAsync(json ? ["--json"] : []);
        await using var serving = server;
        using (var stranger = new TcpClient())
        {
            await stranger.ConnectAsync(IPAddress.Loopback, port);
            await stranger.GetStream().WriteAsync("IOTLINK/2 \u001b[2J\u009b2J\u202e\n"u8.ToArray());
            await server.EventAsync("refused");
        }

        await server.WriteAsync("\u001b[2J\u202eid\r\tline\n");
        await server.EventAsync("line 1 ");
        await server.WriteAsync(json ? "{\"id\":\"a\u202e\",\"line\":\"x\"}\n" : "a\u202e\tx\n");
        await server.EventAsync("invisible");
        Assert.That(string.Concat(IotLinkProcess.SoFar(server.Events)), Does.Not.Match(@"[\p{Cc}\u202e]"));
    }

    /// <summary>A stranger says its opening to a server whose events are on a terminal.</summary>
    [Test]
    public async Task A_forged_id_moves_no_cursor_and_a_flood_of_them_fills_no_screen()
    {
        using var terminal = new PseudoTerminal();
        var (server, port) = Serve(terminal, Plain);
        await using var serving = server;
        await terminal.ReadAsync("listening on");
        for (var knock = 0; knock < 300; knock++)
        {
            using var stranger = new TcpClient();
            await stranger.ConnectAsync(IPAddress.Loopback, port);
            await stranger.GetStream().WriteAsync("IOTLINK/2 id=a%0a%1b[2J%e2%80%ae conn=1 epoch=1 tx=1 window=1 max=1\n"u8.ToArray());
            await stranger.GetStream().ReadExactlyAsync(new byte[1]);
        }

        server.Signal();
        await server.ExitAsync();
        var screen = await terminal.ReadAsync("more within");
        Assert.That(screen, Does.Contain("280 more within 5 s (BadId), from 127.0.0.1"));
        Assert.That(screen.Split('\n'), Has.Length.LessThan(30));
        Assert.That(screen, Does.Not.Contain('\u001b').And.Not.Contain('\u202e'));
    }

    /// <summary>They are served: an open server lets in who comes.</summary>
    [Test]
    public async Task Nor_does_a_flood_of_ids_that_are_let_in()
    {
        var port = FreePort.Get();
        await using var server = IotLinkProcess.Start("serve", "--port", port.Text(), "--bind", "127.0.0.1", "--max-unknown", "50");
        await server.EventAsync("listening on");
        for (var knock = 0; knock < 300; knock++)
        {
            using var stranger = new TcpClient();
            await stranger.ConnectAsync(IPAddress.Loopback, port);
            await stranger.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"made-up-{knock}\n"));
            await stranger.GetStream().ReadExactlyAsync(new byte[1]);
        }

        await server.EventAsync("more within");
        server.Signal();
        await server.ExitAsync();
        var said = await IotLinkProcess.AllAsync(server.Events);
        // Of 900 events. A connection that has left already may be reported without its address, which is summed up
        // separately.
        Assert.That(said, Has.Count.LessThan(200));
        Assert.That(said, Has.Some.Matches("more within 5 s, from 127.0.0.1"));
    }

    [Test]
    public async Task A_wrong_option_has_no_control_characters()
    {
        await using var command = IotLinkProcess.Start("serve", "--port", "\u001b[2J\u202e");
        Assert.That(await command.ExitAsync(), Is.EqualTo(2));
        Assert.That(await IotLinkProcess.AllAsync(command.Events), Has.Count.EqualTo(1).And.All.Contains(@"\u001b[2J\u202e"));
    }

    private static (IotLinkProcess Server, int Port) Serve(PseudoTerminal terminal, Dictionary<string, string> environment)
    {
        var port = FreePort.Get();
        return (IotLinkProcess.StartByShell($"exec \"$@\" <{terminal.Name} >{terminal.Name} 2>{terminal.Name}", ["serve", "--port", port.Text(), "--bind", "127.0.0.1"], environment), port);
    }
}
