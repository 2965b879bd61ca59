using System.Text;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>One misbehaving peer harms only itself: it is slow, floods, or speaks garbage.</summary>
public sealed class MisbehavingPeerTests : ServerTest
{
    [Test]
    public async Task An_id_that_comes_byte_by_byte_is_an_id_and_delays_nobody()
    {
        var server = await StartServerAsync(ServerOptions with { IdPattern = "pümp-1|[0-9]" });
        var slow = await ConnectAsync(server);
        var others = 0;
        foreach (var part in Encoding.UTF8.GetBytes("pümp-1"))
        {
            await slow.SayAsync(new[] { part });
            await JoinAsync(server, $"{others++}");
        }

        Assert.That(server.Counters.Openings, Is.EqualTo(1));
        await slow.SayAsync("\n");
        await server.WaitForAsync("pümp-1").Within();
    }

    [Test]
    public async Task Five_hundred_silent_connections_do_not_delay_a_good_one()
    {
        var server = await StartServerAsync(ServerOptions with { OpeningTimeout = TimeSpan.FromHours(1) });
        await Task.WhenAll(Enumerable.Range(0, 500).Select(_ => ConnectAsync(server)));
        await Bound.EventuallyAsync(() => server.Counters.Openings == 500);

        await AssertServedAsync(server, await JoinAsync(server, "good"));

        Assert.That(server.Counters.Openings, Is.EqualTo(500), "it came before the end of any of them");
    }

    [Test]
    public async Task One_that_sends_and_never_reads_is_ended_before_its_acknowledgements_fill_the_memory()
    {
        var options = ServerOptions with { Timeout = TimeSpan.FromSeconds(2) };
        var server = await StartServerAsync(options);
        var good = StartClient(ClientOptions(server.EndPoint, "good") with { Timeout = options.Timeout });
        var flooder = await JoinAsync(server);
        var link = server.Find("1")!;
        var (received, states) = (link.Lines.Record(), link.State.Record());

        var flood = flooder.FloodAsync(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("00x\n", 4_000))), CancellationToken.None);

        var down = await states.FirstAsync(s => !s.IsUp);
        Assert.That(down.Outage!.Reason, Is.EqualTo(OutageReason.PeerNotReading));
        var waiting = int.Parse(down.Outage.Detail.Split(' ')[0]);
        Assert.That(waiting, Is.LessThan(2_000_000), "what one read of the socket can bring, and not much more");
        Assert.That(received.Values, Is.EqualTo(["x"]));
        Assert.That((await Log.Entries.FirstAsync(e => e.Id == 22)).Text, Does.StartWith("1 is down: PeerNotReading"));
        var write = good.WriteAsync("still served");
        Assert.That(await (await server.WaitForAsync("good").Within()).ReadLineAsync().Within(), Is.EqualTo("still served"));
        await write.Within();

        // It does not take the rest, so there is no end in order.
        await server.StopAsync().Within();
        await flood.Within("its connection is reset");
        Assert.That(server.Counters.Connections, Is.Zero);
    }

    [Test]
    public async Task A_flood_that_nobody_observes_fills_the_inbox_and_no_more()
    {
        var server = await StartServerAsync(ServerOptions with { InboxLines = 10 });
        var flooder = await JoinAsync(server);
        var good = await JoinAsync(server, "good");
        var link = await server.WaitForAsync("1").Within();

        await flooder.SayAsync(string.Concat(Enumerable.Range(0, 50).Select(i => $"{i:x2}{i}\n")));
        await Bound.EventuallyAsync(() => link.Counters.LinesWithheld == 40);
        await AssertServedAsync(server, good);

        Assert.That(link.Counters.Inbox, Is.EqualTo(10));
        var received = link.Lines.Record();
        Assert.That(await received.TakeAsync(10), Is.EqualTo(Enumerable.Range(0, 10).Select(i => $"{i}")));
        for (var i = 0; i < 10; i++)
            Assert.That(await flooder.HearLineAsync(), Is.EqualTo($"{i:x2}"), "acknowledged once it was observed, and no other");
        await flooder.SayAsync("0a10\n");
        Assert.That(await flooder.HearLineAsync(), Is.EqualTo("0a"));
    }

    [Test]
    public async Task A_line_without_end_is_ended_at_its_limit()
    {
        var server = await StartServerAsync();
        var good = await JoinAsync(server, "good");
        var endless = await JoinAsync(server);
        var link = await server.WaitForAsync("1").Within();
        var states = link.State.Record();

        var flood = endless.FloodAsync(Encoding.UTF8.GetBytes($"00{new string('x', 1_000)}"), CancellationToken.None);

        var down = await states.FirstAsync(s => !s.IsUp);
        Assert.That(down.Outage!.Reason, Is.EqualTo(OutageReason.ProtocolError));
        Assert.That(down.Outage.Detail, Does.Contain("more than 4002 bytes, which is the limit"));
        await flood.Within("it is cut off");
        await AssertServedAsync(server, good);
    }

    private static readonly IEnumerable<TestCaseData> Garbage =
    [
        Case("no hex", "zz\n"u8),
        Case("no hex with payload", "xyz\n"u8),
        Case("upper-case hex", "0Ahello\n"u8),
        Case("CR LF", "\r\n"u8),
        Case("one byte", "0\n"u8),
        Case("acknowledgement with CR", "00\r\n"u8, isMessage: true),
        Case("bad UTF-8", [(byte)'0', (byte)'0', 0xff, (byte)'\n']),
        Case("half a surrogate pair", [(byte)'0', (byte)'0', 0xed, 0xa0, 0x80, (byte)'\n']),
        Case("HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"u8),
        Case("TLS", [0x16, 0x03, 0x01, 0x00, 0xa5, 0x01, (byte)'\n']),
        Case("too long", [.. Enumerable.Repeat((byte)'a', 4_003), (byte)'\n']),
    ];

    [TestCaseSource(nameof(Garbage))]
    public async Task Garbage_ends_the_connection_in_order_and_nothing_else(byte[] garbage, bool isMessage)
    {
        var server = await StartServerAsync();
        var good = await JoinAsync(server, "good");
        var peer = await JoinAsync(server);
        var link = await server.WaitForAsync("1").Within();
        await peer.SayAsync(garbage);

        if (!isMessage)
        {
            Assert.That(await peer.HearToEndAsync(), Is.Empty, "by FIN");
            var down = await link.State.FirstAsync(s => !s.IsUp);
            Assert.That(down.Outage!.Reason, Is.EqualTo(OutageReason.ProtocolError));
            Assert.That(link.Counters.ProtocolErrors, Is.EqualTo(1));
            Assert.That((await Log.Entries.FirstAsync(e => e.Id == 22)).Text, Does.StartWith("1 is down: ProtocolError"));
            peer = await JoinAsync(server);
            await peer.SayAsync("00after\n");
        }

        Assert.That(await link.ReadLineAsync().Within(), Is.EqualTo(isMessage ? "\r" : "after"), "not deaf");
        await AssertServedAsync(server, good);
    }

    private static TestCaseData Case(string name, ReadOnlySpan<byte> bytes, bool isMessage = false) =>
        new TestCaseData(bytes.ToArray(), isMessage).SetArgDisplayNames(name);

    private static async Task AssertServedAsync(IotLinkServer server, RawPeer good)
    {
        await good.SayAsync("00still served\n");
        Assert.That(await server.Find("good")!.ReadLineAsync().Within(), Is.EqualTo("still served"));
        Assert.That(await good.HearLineAsync(), Is.EqualTo("00"));
    }
}
