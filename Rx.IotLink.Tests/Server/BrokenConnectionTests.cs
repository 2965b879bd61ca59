using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>Connections that break under traffic: reset, silent, half open.</summary>
public sealed class BrokenConnectionTests : ServerTest
{
    private const int Lines = 300;

    [TestCase(false)]
    [TestCase(true)]
    public async Task Lines_arrive_once_and_in_order_through_broken_connections(bool silently)
    {
        var server = await StartServerAsync(ServerOptions with { Timeout = Short });
        var wire = Own(new Wire(server.EndPoint));
        var client = StartClient(ClientOptions(wire.EndPoint) with { Timeout = Short });
        var link = await server.WaitForAsync("1").Within();
        var (atServer, atClient) = (link.Lines.Record(), client.Lines.Record());
        var (up, down) = (WriteAllAsync(client), WriteAllAsync(link));
        for (var breaks = 1; breaks <= 2; breaks++)
        {
            // In the middle of traffic: a third of the lines is there, then two thirds.
            await atServer.TakeAsync(breaks * Lines / 3);
            if (silently)
                wire.Freeze();
            else
                wire.Reset();
        }

        await up.Within("all lines of the client are accepted");
        await down.Within("all lines of the server are accepted");

        Assert.That(atServer.Values, Is.EqualTo(Numbered()));
        Assert.That(atClient.Values, Is.EqualTo(Numbered()));
        Assert.That(link.Counters.Outages, Is.GreaterThanOrEqualTo(2));
        Assert.That(link.Counters.ProtocolErrors + client.Counters.ProtocolErrors, Is.Zero);
    }

    [Test]
    public async Task A_half_open_connection_is_an_outage_of_silence_at_both_ends()
    {
        var server = await StartServerAsync(ServerOptions with { Timeout = Short });
        var wire = Own(new Wire(server.EndPoint));
        var client = StartClient(ClientOptions(wire.EndPoint) with { Timeout = Short });
        var link = await server.WaitForAsync("1").Within();
        await client.WaitUntilUpAsync().Within();
        var (atServer, atClient) = (link.State.Record(), client.State.Record());

        wire.Freeze();

        foreach (var states in (Recorder<LinkState>[])[atServer, atClient])
        {
            var silence = await states.FirstAsync(s => s.Outage?.Reason == OutageReason.Silence);
            await states.FirstAsync(s => s.IsUp && s.Connections > silence.Connections);
        }
    }

    [Test]
    public async Task A_reset_is_an_outage_at_once_and_harms_nobody_else()
    {
        var server = await StartServerAsync();
        var other = await JoinAsync(server, "other");
        var peer = await JoinAsync(server);
        var link = await server.WaitForAsync("1").Within();
        var received = link.Lines.Record();
        var write = link.WriteAsync("through a reset");
        await peer.SayAsync("00first\n");
        Assert.That(await peer.HearLinesAsync(2), Is.EquivalentTo(["00", "00through a reset"]));

        peer.Reset();

        // With the timeout of these tests, a silence, or a repetition of its own accord, would take a minute.
        var down = await link.State.FirstAsync(s => !s.IsUp);
        Assert.That(down.Outage!.Reason, Is.EqualTo(OutageReason.ConnectionLost));
        Assert.That(write.IsCompleted, Is.False);
        var again = await JoinAsync(server);
        await again.SayAsync("00first\n");
        Assert.That(await again.HearLinesAsync(2), Is.EquivalentTo(["00", "00through a reset"]));
        await again.SayAsync("01second\n");
        Assert.That(await again.HearLineAsync(), Is.EqualTo("01"));
        Assert.That(received.Values, Is.EqualTo(["first", "second"]));
        await again.SayAsync("00\n");
        await write.Within();
        Assert.That(await RoundTripAsync(server, other), Is.EqualTo("00"));
    }

    [Test]
    public async Task Half_a_line_of_a_broken_connection_is_not_glued_to_the_next()
    {
        var server = await StartServerAsync();
        var peer = await JoinAsync(server);
        var link = await server.WaitForAsync("1").Within();
        var received = link.Lines.Record();
        await peer.SayAsync("00whole\n01ha");
        await received.TakeAsync(1);
        peer.Dispose();
        await link.State.FirstAsync(s => !s.IsUp);
        var again = await JoinAsync(server);
        await again.SayAsync("01half\n");

        Assert.That(await received.TakeAsync(2), Is.EqualTo(["whole", "half"]));
    }

    private static async Task WriteAllAsync(ILink link)
    {
        // A few at a time, so that there is traffic for a while.
        foreach (var some in Numbered().Chunk(10))
            await Task.WhenAll(some.Select(line => link.WriteAsync(line)));
    }

    private static IEnumerable<string> Numbered() => Enumerable.Range(0, Lines).Select(i => $"{i}");

    private static async Task<string?> RoundTripAsync(IotLinkServer server, RawPeer peer)
    {
        await peer.SayAsync("00hello\n");
        Assert.That(await server.Find("other")!.ReadLineAsync().Within(), Is.EqualTo("hello"));
        return await peer.HearLineAsync();
    }
}
