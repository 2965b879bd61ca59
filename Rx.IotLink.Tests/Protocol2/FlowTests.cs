using System.Globalization;
using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>The window is back-pressure: a slow application slows the sender, and nothing is sent in vain.</summary>
public sealed class FlowTests
{
    private static readonly TimeSpan T = TimeSpan.FromMilliseconds(2_000);

    [Test]
    public void Exactly_a_window_is_in_flight_to_a_peer_that_accepts_nothing([Values(1, 2, 5, 64)] int window)
    {
        var ends = new JoinedEnds(new TestEnd(Side.Client), new TestEnd(Side.Server, new EndOptions { AcceptsAtOnce = false, Window = window }));
        var written = Numbers(window + 20);
        ends.Connect(() => false);

        foreach (var line in written)
            ends.Client.Write(line);
        Exchange(ends);
        for (var quarter = 0; quarter < 40; quarter++)
        {
            var now = ends.Client.Now + (T / 4);
            ends.Client.ElapseTo(now);
            ends.Server.ElapseTo(now);
            ends.Client.Protocol.Keepalive();
            ends.Server.Protocol.Keepalive();
            Exchange(ends);
        }

        Assert.Multiple(() =>
        {
            Assert.That(ends.Server.Waiting, Is.EqualTo(window));
            Assert.That(ends.Client.Unsent, Has.Count.EqualTo(20));
            Assert.That(ends.Client.Repeated, Is.Zero, "what has arrived is not sent again");
            Assert.That(ends.Client.TakeEvents().Count(e => e == "heartbeat"), Is.EqualTo(40), "and the end lives");
        });

        while (ends.Server.Waiting > 0)
        {
            ends.Server.Accept(1);
            Exchange(ends);
        }

        Assert.That(ends.Server.Received, Is.EqualTo(written));
        Assert.That(ends.Client.Finished, Is.EqualTo(written));
    }

    [Test]
    public void Ten_thousand_lines_arrive_in_order_whenever_they_are_accepted([Values(1, 2, 3)] int seed)
    {
        const int Lines = 10_000;
        var random = new Random(seed);
        // It begins where the low 16 bits are about to wrap.
        var store = new MemoryStore(new KeptMemory(Epoch: 7, First: 65_000, Lines: [], PeerEpoch: null, Accepted: 0));
        var client = new TestEnd(Side.Client, new EndOptions { AcceptsAtOnce = false, Store = store, Room = 4_000 });
        var ends = new JoinedEnds(client, new TestEnd(Side.Server, new EndOptions { AcceptsAtOnce = false, Window = 100 }));
        var (up, down) = (0, 0);

        bool Work()
        {
            for (var some = random.Next(60); some > 0 && up < Lines; some--)
                ends.Client.Write(up++.ToString(CultureInfo.InvariantCulture));
            for (var some = random.Next(60); some > 0 && down < Lines; some--)
                ends.Server.Write(down++.ToString(CultureInfo.InvariantCulture));
            ends.Client.Accept(random.Next(ends.Client.Waiting + 1));
            ends.Server.Accept(random.Next(ends.Server.Waiting + 1));
            return up < Lines || down < Lines || ends.Client.Waiting > 0 || ends.Server.Waiting > 0 || ends.Client.Finished.Count < Lines || ends.Server.Finished.Count < Lines;
        }

        // Cut now and then, at bytes of chance.
        while (!ends.Connect(Work, cutAfter: random.Next(40_000)))
            ends.Disconnect();

        var all = Numbers(Lines);
        Assert.Multiple(() =>
        {
            Assert.That(ends.Server.Received.SequenceEqual(all), Is.True, "client to server");
            Assert.That(ends.Client.Received.SequenceEqual(all), Is.True, "server to client");
            Assert.That(ends.Client.Finished.SequenceEqual(all), Is.True);
            Assert.That(ends.Server.Finished.SequenceEqual(all), Is.True);
        });
    }

    [Test]
    public void What_has_no_room_in_the_output_waits_and_keeps_its_place()
    {
        var end = OpenClient(new EndOptions());
        end.Room = 20;

        for (var n = 0; n < 10; n++)
            end.Write($"line {n}");
        var first = end.TakeSaid();
        end.Protocol.Send(end.Now);

        Assert.That(first, Is.EqualTo(new[] { "+0001line 0", "+0002line 1" }));
        Assert.That(end.TakeSaid(), Is.EqualTo(new[] { "+0003line 2", "+0004line 3" }));
    }

    [Test]
    public void Concurrent_lines_keep_the_order_in_which_they_were_taken()
    {
        var end = OpenClient(new EndOptions(), window: 1);
        var kinds = Numbers(8).Select(n => (n, int.Parse(n, CultureInfo.InvariantCulture) % 3 == 0 ? Ordering.Concurrent : Ordering.Ordered)).ToArray();

        foreach (var (line, ordering) in kinds)
            end.Write(line, ordering: ordering);
        for (var n = 1; n <= 8; n++)
            end.Receive($"={n:x4}\n");

        Assert.That(end.Finished, Is.EqualTo(Numbers(8)));
    }

    [Test]
    public void A_lost_line_is_repeated_and_the_ones_behind_it_are_given_once()
    {
        var server = new TestEnd(Side.Server);
        server.Connect();
        server.Receive(ServerBench.Opening("0000000000000001") + "\n+0001a\n+0003c\n+0004d\n");
        server.Receive("+0002b\n+0003c\n+0004d\n");

        Assert.That(server.Received, Is.EqualTo(new[] { "a", "b", "c", "d" }));
        Assert.That(server.Duplicates, Is.Zero, "what was beyond a gap had not been taken");

        server.Receive("+0004d\n+0001a\n");

        Assert.That(server.Duplicates, Is.EqualTo(2));
    }

    private static TestEnd OpenClient(EndOptions options, int window = 64)
    {
        var end = new TestEnd(Side.Client, options);
        end.Connect();
        end.Receive($"IOTLINK/2 ok epoch=1 tx=1 window={window} max=4000 timeout=2000\n");
        end.TakeSaid();
        return end;
    }

    private static void Exchange(JoinedEnds ends)
    {
        for (var round = 0; round < 4; round++)
        {
            ends.Server.Receive(ends.Client.TakeOutput());
            ends.Client.Receive(ends.Server.TakeOutput());
        }
    }

    private static string[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(n => n.ToString(CultureInfo.InvariantCulture))];
}
