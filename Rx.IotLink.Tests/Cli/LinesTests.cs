using System.Text.Json;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Cli;

/// <summary>Lines between the two commands, over loopback.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
internal sealed class LinesTests
{
    [Test]
    public async Task Lines_go_both_ways()
    {
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "pump-1");

        await client.WriteAsync("{\"celsius\":21.5}\n");
        Assert.That(await server.OutputAsync("celsius"), Is.EqualTo("pump-1\t{\"celsius\":21.5}"));
        await server.WriteAsync("pump-1\t{\"valve\":\"open\"}\n");
        Assert.That(await client.OutputAsync("valve"), Is.EqualTo("{\"valve\":\"open\"}"));

        Assert.That(await client.EventAsync(" up "), Is.EqualTo("pump-1 up (connection 1)"));
        Assert.That(await server.EventAsync(" joined"), Is.EqualTo("pump-1 joined"));
        Assert.That(await server.EventAsync(" up "), Is.EqualTo("pump-1 up (connection 1)"));
        client.EndInput();
        Assert.That(await client.ExitAsync(), Is.Zero);
        Assert.That(await server.EventAsync("pump-1 down: "), Is.Not.Empty);
    }

    [Test]
    public async Task A_file_of_any_length_arrives_once_and_in_order()
    {
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "a");

        // Several times what may be on its way.
        var lines = Enumerable.Range(0, 5_000).Select(i => $"line {i}").ToList();
        await client.WriteAsync(string.Join('\n', lines) + "\n");
        client.EndInput();

        Assert.That(await client.ExitAsync(), Is.Zero);
        Assert.That(await server.OutputAsync(lines.Count), Is.EqualTo(lines.Select(line => $"a\t{line}")));
    }

    [Test]
    public async Task A_line_for_a_device_that_has_not_come_waits_and_holds_up_no_other()
    {
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        await server.WriteAsync("late\tone\nlate\ttwo\nearly\tnow\nlate\tthree\n");
        server.EndInput();

        await using var early = IotLinkProcess.Connect(port, "early", "--stay");
        Assert.That(await early.OutputAsync(1), Is.EqualTo(["now"]));
        await using var late = IotLinkProcess.Connect(port, "late", "--stay");
        Assert.That(await late.OutputAsync(3), Is.EqualTo(["one", "two", "three"]));
    }

    [Test]
    public async Task What_is_text_arrives_as_it_was()
    {
        var (server, port) = await IotLinkProcess.ServeAsync("--id-pattern", "öl . 7");
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "öl ∂ 7");

        await client.WriteAsync("\ufeffa byte order mark is none\nCR stays\r\nTAB\tstays\ngrüße 𝄞\n last, without LF");
        client.EndInput();

        Assert.That(await client.ExitAsync(), Is.Zero);
        Assert.That(
            await server.OutputAsync(5),
            Is.EqualTo(new[] { "a byte order mark is none", "CR stays\r", "TAB\tstays", "grüße 𝄞", " last, without LF" }.Select(line => $"öl ∂ 7\t{line}")));
    }

    [Test]
    public async Task The_server_echoes()
    {
        var (server, port) = await IotLinkProcess.ServeAsync("--echo");
        await using var serving = server;
        await using var client = IotLinkProcess.Start("connect", $"127.0.0.1:{port}", "--id", "a", "--stay");
        var lines = Enumerable.Range(0, 1_000).Select(i => $"{i}").ToList();
        await client.WriteAsync(string.Join('\n', lines) + "\n");
        Assert.That(await client.OutputAsync(lines.Count), Is.EqualTo(lines));
    }

    [Test]
    public async Task The_client_echoes()
    {
        var (server, port) = await IotLinkProcess.ServeAsync("--bind", "::1");
        await using var serving = server;
        await using var client = IotLinkProcess.Start("connect", $"[::1]:{port}", "--id", "a", "--stay", "--echo");
        await server.WriteAsync("a\tping\n");
        Assert.That(await server.OutputAsync(1), Is.EqualTo(["a\tping"]));
        Assert.That(await client.OutputAsync(1), Is.EqualTo(["ping"]));
    }

    [Test]
    public async Task Best_effort_lines_arrive_too()
    {
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "a", "--best-effort", "--stay");
        await client.WriteAsync("one\n");
        Assert.That(await server.OutputAsync(1), Is.EqualTo(["a\tone"]));
    }

    [Test]
    public async Task Json_has_always_the_same_fields()
    {
        var (server, port) = await IotLinkProcess.ServeAsync("--json", "--expect", "b");
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "a", "--json");
        await client.WriteAsync([.. "{\"line\":\"say \\\"gr\\u00fc\\u00dfe\\\"\"}\n"u8, 0xff, (byte)'\n']);
        client.EndInput();
        Assert.That(await client.ExitAsync(), Is.EqualTo(1));

        Assert.That(
            (await server.OutputAsync(1))[0],
            Does.Match(@"^\{""id"":""a"",""line"":""say \\""grüße\\"""",""epoch"":""[0-9a-f]{16}"",""number"":1\}$"));
        await server.EventAsync("\"down\"");
        server.Signal();
        Assert.That(await server.ExitAsync(), Is.Zero);

        var events = (await IotLinkProcess.AllAsync(server.Events)).Select(Event).ToList();
        Assert.That(events.Select(x => x.Name), Is.EqualTo(["listening", "joined", "up", "down"]));
        Assert.That(events.Select(x => x.Id), Is.EqualTo([null, "a", "a", "a"]));
        Assert.That(events[1].Detail, Is.EqualTo("it is not among the expected devices"));
        Assert.That(events[2].Detail, Is.EqualTo("connection 1"));
        Assert.That((await IotLinkProcess.AllAsync(client.Events)).Select(Event).Select(x => x.Name), Is.EquivalentTo(["up", "skipped"]));
    }

    private static (string? Name, string? Id, string? Detail) Event(string line)
    {
        var root = JsonDocument.Parse(line).RootElement;
        Assert.That(root.EnumerateObject().Select(x => x.Name), Is.EqualTo(["time", "event", "id", "detail"]));
        Assert.That(root.GetProperty("time").GetDateTimeOffset().Offset, Is.EqualTo(TimeSpan.Zero));
        return (root.GetProperty("event").GetString(), root.GetProperty("id").GetString(), root.GetProperty("detail").GetString());
    }
}
