using System.Buffers;
using NUnit.Framework;
using Rx.IotLink.Engine;
using Rx.IotLink.Tests.Protocol.Driving;

namespace Rx.IotLink.Tests.Engine;

/// <summary>
/// Rules of the engine that other tests pass by: mutation testing changed them, and no test of the engine noticed.
/// </summary>
public sealed class RulesTests
{
    private const string Opening = "IOTLINK/2 ok epoch=1 tx=1 window=9 max=99 timeout=20000\n";

    private static readonly World Plain = new(Side.Client, 2, IsKept: false);
    private static readonly Outage Wrong = new(OutageReason.ConnectionLost, "wrong");

    [Test]
    public void It_knows_how_long_it_was_up_in_all_and_since_when_it_is_down()
    {
        var end = new EngineEnd(Plain);
        Assert.That(end.Engine.PresenceAt(Seconds(3)), Is.EqualTo((TimeSpan.Zero, (TimeSpan?)null)), "never up is not down");

        Open(end);
        Assert.That(end.Engine.PresenceAt(Seconds(5)), Is.EqualTo((Seconds(4), (TimeSpan?)TimeSpan.Zero)));

        end.Now = Seconds(5);
        end.End(OutageReason.ConnectionLost);
        Assert.That(end.Engine.PresenceAt(Seconds(7)), Is.EqualTo((Seconds(4), (TimeSpan?)Seconds(2))));

        end.Now = Seconds(8);
        Open(end);
        Assert.That(end.Engine.PresenceAt(Seconds(9)), Is.EqualTo((Seconds(5), (TimeSpan?)TimeSpan.Zero)), "both times together");
    }

    [Test]
    public void A_further_ping_waits_for_the_answer_to_the_first()
    {
        var end = new EngineEnd(Plain);
        Assert.That(Ping(end), Is.EqualTo(Rejection.NotUp));
        end.Connect(opening: null);
        Assert.That(Ping(end), Is.EqualTo(Rejection.NotUp), "a connection is not enough");
        end.TakeOutput();
        end.Receive(Opening);

        end.Now = Seconds(2);
        Assert.That(Ping(end), Is.EqualTo(Rejection.None));
        end.TakeOutput();
        end.Said.Clear();
        end.Now = Seconds(3);
        Assert.That(Ping(end), Is.EqualTo(Rejection.None));
        Assert.That(end.Said, Is.Empty);

        end.Now = Seconds(6);
        Assert.That(Hear(end, $"={end.LastNumber}\n").RoundTrip, Is.EqualTo(Seconds(4)));
        Assert.That(Hear(end, $"={end.LastNumber}\n").RoundTrip, Is.Null, "there was one ping");
    }

    [Test]
    public void A_second_connection_finds_it_busy_and_a_late_one_finds_it_ended()
    {
        var end = new EngineEnd(Plain);
        Open(end);
        Assert.That(Connect(end), Is.EqualTo(Rejection.Busy));
        end.Step(Input.Closed(end.Moment, Wrong));
        Assert.That(Connect(end), Is.EqualTo(Rejection.LinkEnded));
    }

    [Test]
    public void A_refusal_of_a_link_that_is_up_is_an_outage_and_closing_it_is_none([Values] bool refused)
    {
        var end = new EngineEnd(Plain);
        Open(end);
        end.Step(refused ? Input.Refused(end.Moment, Wrong) : Input.Closed(end.Moment, Wrong));
        Assert.That(end.Engine.CountersAt(end.Moment).Outages, Is.EqualTo(refused ? 1 : 0));
    }

    [Test]
    public void A_peer_that_reads_nothing_is_given_up_when_what_waits_for_it_reaches_the_limit()
    {
        var end = new EngineEnd(Plain) { IsChecked = false };
        Open(end);
        var said = 0;
        EndOfConnection? ended = null;
        // The first of them is never taken.
        for (; ended is null && said < 100_000; said++)
            ended = end.Step(Input.KeepaliveDue(end.Moment)).Ended;
        Assert.That(ended?.Outage.Reason, Is.EqualTo(OutageReason.PeerNotReading));
        Assert.That(said, Is.InRange(65_536, 65_536 + (2 * end.Limits.MaxLineBytes)), "the limit, and room for a line");
        Assert.That(ended!.Outage.Detail, Does.Contain($"the limit is {65_536 + end.Limits.MaxLineBytes}"));
    }

    [Test]
    public void A_line_that_is_held_for_too_long_is_reported_once([Values] bool isOpen)
    {
        var end = new EngineEnd(Plain);
        var since = Seconds(2);
        var late = since + end.Limits.SlowObserverAfter;
        Moment At(TimeSpan now) => isOpen ? end.Moment with { Now = now, OpenSince = since } : end.Moment with { Now = now, HeldSince = since };

        Assert.That(end.Step(Input.Handled(At(since))).WakeAt, Is.EqualTo(late));
        end.Step(Input.Time(At(late - TimeSpan.FromTicks(1))));
        Assert.That(end.Notices, Is.Empty);
        Assert.That(end.Step(Input.Time(At(late))).WakeAt, Is.Null, "it was said");
        end.Step(Input.Time(At(late + late)));
        Assert.That(end.Notices, Is.EqualTo([LinkNoticeKind.ObserverSlow]));
    }

    /// <summary>
    /// A thread that goes on with many writers reads the clock once. Meanwhile others step the engine with a later
    /// time.
    /// </summary>
    [Test]
    public void Time_does_not_run_backwards_for_a_writer_who_brings_a_time_of_before()
    {
        var end = new EngineEnd(Plain) { Now = Seconds(5) };
        end.Step(Input.Time(end.Moment));

        end.Now = Seconds(4);
        end.Write(new("a line", timeToLive: Seconds(2)));
        Assert.That(end.WakeAt, Is.EqualTo(Seconds(7)), "it lives for two seconds from now, not from before");

        end.Now = Seconds(6);
        end.Step(Input.Time(end.Moment));
        Assert.That(end.Written[0].Outcome, Is.Null);
        end.Now = Seconds(7);
        end.Step(Input.Time(end.Moment));
        Assert.That(end.Written[0].Outcome?.Expiry, Is.Not.Null);
    }

    private static void Open(EngineEnd end)
    {
        end.Connect(opening: null);
        end.TakeOutput();
        end.Receive(Opening);
        Assert.That(end.Engine.Status, Is.EqualTo(LinkStatus.Up));
    }

    private static Rejection Ping(EngineEnd end) => end.Step(Input.Pinged(end.Moment)).Rejection;

    private static Rejection Connect(EngineEnd end) => end.Step(Input.Connected(end.Moment, new OutputBuffer(), opening: null)).Rejection;

    private static Effects Hear(EngineEnd end, string text) => end.Step(Input.Bytes(end.Moment, new ReadOnlySequence<byte>(System.Text.Encoding.ASCII.GetBytes(text))));

    private static TimeSpan Seconds(int seconds) => TimeSpan.FromSeconds(seconds);
}
