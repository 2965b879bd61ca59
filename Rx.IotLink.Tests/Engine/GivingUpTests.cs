using NUnit.Framework;
using Rx.IotLink.Engine;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol.Driving;

namespace Rx.IotLink.Tests.Engine;

/// <summary>
/// Lines that are given up: which, when, and what their writers and the application learn. Mutation testing changed
/// these rules, and the random sequences alone did not notice.
/// </summary>
public sealed class GivingUpTests
{
    private static readonly World Plain = new(Side.Client, 2, IsKept: false);
    private static readonly World Kept = new(Side.Client, 2, IsKept: true);

    [Test]
    public void A_line_that_has_waited_for_too_long_says_for_how_long_and_how_many_there_were()
    {
        var end = new EngineEnd(Plain);
        end.Write(new("first", timeToLive: Seconds(2)));
        Assert.That(end.WakeAt, Is.EqualTo(Seconds(3)));

        Assert.That(Details(At(end, 4)), Is.EqualTo(["a line had waited for too long to be sent: dropped, 1 so far"]));
        Assert.That(end.Written[0].Outcome?.Expiry, Is.EqualTo((nameof(WriteOptions.TimeToLive), Seconds(2), Seconds(3))));

        end.Write(new("second", timeToLive: Seconds(1)));
        end.Write(new("third", timeToLive: Seconds(1)));
        Assert.That(Details(At(end, 5)), Is.EqualTo(["2 lines had waited for too long to be sent: dropped, 3 so far"]));
        Assert.That(Details(At(end, 6)), Is.Empty);
        Assert.That(Counters(end).LinesExpired, Is.EqualTo(3));
    }

    [Test]
    public void Where_lines_are_kept_the_shorter_limit_counts()
    {
        var end = new EngineEnd(Kept) { IsChecked = false };
        var stored = end.Limits.StoredFor;
        end.Write(new("for as long as any", untilStored: true));
        end.Write(new("for longer", untilStored: true, timeToLive: stored * 2));
        end.Write(new("for a minute", untilStored: true, timeToLive: Seconds(60)));
        end.Save(end.Records.Count);

        At(end, 61);
        At(end, 1 + (int)stored.TotalSeconds);

        Assert.That(end.Written.Select(line => line.Outcome?.Expiry?.Limit), Is.EqualTo([nameof(LinkOptions.StoredFor), nameof(LinkOptions.StoredFor), nameof(WriteOptions.TimeToLive)]));
        Assert.That(end.Written.Select(line => line.Outcome?.Expiry?.Most), Is.EqualTo(new TimeSpan?[] { stored, stored, Seconds(60) }));
    }

    [Test]
    public void A_writer_learns_that_its_line_is_given_up_when_the_store_knows_it()
    {
        var learned = new List<string>();
        var end = new EngineEnd(Kept) { Told = line => learned.Add(line.Text) };
        end.Write(new("old", timeToLive: Seconds(2)));
        end.Save(end.Records.Count);
        At(end, 3);
        Assert.That(learned, Is.Empty);

        end.Save(end.Records.Count);
        Assert.That(learned, Is.EqualTo(["old"]));
    }

    [Test]
    public void No_timer_is_set_for_more_than_a_day()
    {
        var end = new EngineEnd(Plain);
        end.Write(new("patient", timeToLive: TimeSpan.FromDays(30)));
        Assert.That(end.WakeAt, Is.EqualTo(end.Now + TimeSpan.FromDays(1)));
    }

    [Test]
    public void Of_each_key_and_delivery_only_the_newest_waits([Values] bool isKept)
    {
        var end = new EngineEnd(isKept ? Kept : Plain);
        end.Write(new("old", key: "k"));
        end.Write(new("best effort", Delivery.BestEffort, key: "k"));
        end.Write(new("newer", key: "k"));
        end.Write(new("newest", key: "k"));
        end.Save(end.Records.Count);

        Assert.That(Waiting(end), Is.EquivalentTo(["best effort", "newest"]));
        Assert.That(end.Written.Select(line => line.Outcome == Outcome.Replaced), Is.EqualTo([true, false, true, false]));
        Assert.That(Counters(end).LinesReplaced, Is.EqualTo(2));
    }

    [Test]
    public void A_line_that_was_sent_is_replaced_where_its_number_is_when_the_peer_has_not_got_it()
    {
        var end = new EngineEnd(Plain);
        Open(end);
        end.Write(new("sent", mayBeDropped: true, key: "k"));
        end.Write(new("newer", mayBeDropped: true, key: "k"));
        Assert.That(end.Written.Select(line => line.Outcome), Is.All.Null, "the peer may have it");
        Assert.That(end.Written.Select(line => line.IsSuperseded), Is.EqualTo([true, false]));

        Resume(end);
        end.Receive("=0002\n");

        Assert.That(end.Written.Select(line => line.Outcome), Is.EqualTo([Outcome.Replaced, Outcome.Accepted]));
        Assert.That(Counters(end).LinesReplaced, Is.EqualTo(1));
    }

    [Test]
    public void A_line_that_was_sent_expires_where_its_number_is_when_the_peer_has_not_got_it()
    {
        var end = new EngineEnd(Plain);
        Open(end);
        end.Write(new("sent", mayBeDropped: true, timeToLive: Seconds(2)));
        At(end, 3);
        Assert.That(end.Written[0].Outcome, Is.Null, "the peer may have it");

        Resume(end);
        var effects = Hear(end, "=0001\n");

        Assert.That(end.Written[0].Outcome?.Expiry, Is.EqualTo((nameof(WriteOptions.TimeToLive), Seconds(2), Seconds(2))));
        Assert.That(Details(effects), Is.EqualTo(["a line had waited for too long to be sent: dropped, 1 so far"]));
    }

    [Test]
    public void A_line_whose_writer_waits_is_not_given_up_once_it_was_sent()
    {
        var end = new EngineEnd(Plain);
        Open(end);
        end.Write(new("sent", timeToLive: Seconds(2), key: "k"));
        end.Write(new("newer", key: "k"));
        At(end, 4);
        Resume(end);
        end.Receive("=0002\n");

        Assert.That(end.Written.Select(line => line.Outcome), Is.All.EqualTo(Outcome.Accepted));
    }

    /// <summary>They may have been sent. So they keep their numbers, which the peer must know.</summary>
    [Test]
    public void Lines_of_an_earlier_process_that_are_too_old_are_given_up_where_their_numbers_are()
    {
        var earlier = new EngineEnd(Kept);
        earlier.Write(new("for long", untilStored: true));
        earlier.Write(new("for a minute", untilStored: true, timeToLive: Seconds(60)));
        earlier.Write(new("also for a minute", untilStored: true, timeToLive: Seconds(60)));
        earlier.Save(earlier.Records.Count);

        var end = new EngineEnd(Kept, earlier.Store, seed: 2) { Now = Seconds(61) };
        Reopen(end);
        Assert.That(Counters(end).LinesExpired, Is.Zero);

        var effects = Hear(end, "=0003\n");

        Assert.That((Counters(end).LinesExpired, end.Engine.Unfinished), Is.EqualTo((2, 0)));
        Assert.That(Details(effects), Has.Some.EqualTo("2 lines had waited for too long to be sent: dropped, 2 so far"));
    }

    [Test]
    public void A_line_that_a_crash_left_beside_the_newer_one_of_its_key_is_replaced_where_its_number_is()
    {
        var earlier = new EngineEnd(Kept);
        earlier.Write(new("old", untilStored: true, key: "k"));
        earlier.Write(new("newer", untilStored: true, key: "k"));
        // Without the last record: that the older one is gone.
        earlier.Save(earlier.Records.Count - 1);
        Assert.That(earlier.Store.SnapshotOf(EngineEnd.Id)!.Lines, Has.Count.EqualTo(2));

        var end = new EngineEnd(Kept, earlier.Store, seed: 2);
        Reopen(end);
        Hear(end, "=0002\n");

        Assert.That((Counters(end).LinesReplaced, end.Engine.Unfinished), Is.EqualTo((1, 0)));
    }

    /// <summary>
    /// The device has other software now, and the lines wait again. The oldest of them says nothing of the others.
    /// </summary>
    [Test]
    public void Lines_that_wait_again_for_another_protocol_are_looked_at_one_by_one()
    {
        var end = new EngineEnd(new(Side.Server, 2, IsKept: false), limits: new IotLinkServerOptions { WriterOverflow = OverflowPolicy.Fail });
        end.Connect(new ClientOpening(EngineEnd.Id, 1, new(2, 1, null, 0, 0, Window: 9, 100), Nonce: null));
        end.Write(new("good", mayBeDropped: true));
        end.Write(new("for two seconds", mayBeDropped: true, timeToLive: Seconds(2)));
        end.Write(new("old", mayBeDropped: true, key: "k"));
        end.Write(new("for three seconds", mayBeDropped: true, timeToLive: Seconds(3)));
        end.Write(new("newer", mayBeDropped: true, key: "k"));
        end.Write(new("for an hour", mayBeDropped: true, timeToLive: Seconds(3600)));
        end.Write(new("somebody waits", timeToLive: Seconds(2)));
        end.End(OutageReason.ConnectionLost);

        end.Now = Seconds(4);
        end.Connect(new IdOpening(EngineEnd.Id));
        while (end.IsSending)
            end.TakeOutput();
        end.Receive("\n");

        Assert.That(end.Engine.Status, Is.EqualTo(LinkStatus.Up));
        Assert.That(end.Written.Where(line => line.Outcome?.Expiry is not null).Select(line => line.Text), Is.EqualTo(["for two seconds", "for three seconds"]));
        Assert.That(end.Written.Where(line => line.Outcome == Outcome.Replaced).Select(line => line.Text), Is.EqualTo(["old"]));
        Assert.That(end.NoticeDetails, Has.Some.EqualTo("2 lines had waited for too long to be sent: dropped, 2 so far"));
    }

    [Test]
    public void Of_two_lines_of_a_key_that_a_crash_left_in_the_store_alone_the_older_is_replaced_at_the_start()
    {
        var earlier = new EngineEnd(Kept);
        foreach (var text in new[] { "a", "b", "c" })
            earlier.Write(new(text, untilStored: true));
        earlier.Save(earlier.Records.Count);

        var end = new EngineEnd(Kept, earlier.Store, seed: 2, lie: static kept => kept with
        {
            Lines = [.. kept.Lines.Take(1)],
            Keys = [new("k", kept.Lines[1].Position, 1), new("k", kept.Lines[2].Position, 1)],
        })
        { IsChecked = false };

        Assert.That(Counters(end).LinesReplaced, Is.EqualTo(1));
        Assert.That(end.InStoreAlone, Is.EqualTo(1));
    }

    /// <summary>Its bytes are free again: a hundred of them have room, one after the other.</summary>
    [Test]
    public void A_line_in_the_store_alone_is_replaced_there([Values] bool isAwaited)
    {
        var end = Full();
        TestLine Reading(int number) => new($"a reading that has 30 bytes {number:00}", untilStored: !isAwaited, key: "k");
        for (var number = 0; number < 100; number++)
        {
            Assert.That(end.Write(Reading(number)), Is.True, $"{number}");
            end.Save(end.Records.Count);
            Assert.That(end.InStoreAlone, Is.EqualTo(1));
        }

        Assert.That(Counters(end).LinesReplaced, Is.EqualTo(99));
        Assert.That(end.Written.Where(line => line.Key is not null && isAwaited).SkipLast(1).Select(line => line.Outcome), Is.All.EqualTo(Outcome.Replaced));
        Assert.That(end.Store.SnapshotOf(EngineEnd.Id)!.Lines.Select(line => line.Text), Is.EqualTo(["a", "b", "c", Reading(99).Text]));
    }

    [Test]
    public void A_line_that_was_read_from_the_store_is_replaced_in_memory()
    {
        var end = Full();
        end.Write(new("old", untilStored: true, key: "k"));
        end.Save(end.Records.Count);
        ReadAll(end);
        Assert.That(Waiting(end), Is.EqualTo(["c", "old"]));

        end.Write(new("newer", untilStored: true, key: "k"));

        Assert.That(Waiting(end), Is.EqualTo(["c", "newer"]));
        Assert.That(Counters(end).LinesReplaced, Is.EqualTo(1));
    }

    /// <summary>Otherwise keys of lines that nobody knows any more would fill the memory.</summary>
    [Test]
    public void A_key_is_forgotten_when_its_line_is_read_without_it_and_those_of_lines_that_are_not_read_stay()
    {
        var end = Full();
        end.Write(new("of k", untilStored: true, key: "k"));
        end.Write(new("of l", untilStored: true, key: "l"));
        end.Save(end.Records.Count);
        end.TakeBack(end.Written[0]);
        end.TakeBack(end.Written[1]);
        end.Save(end.Records.Count);
        end.ReadStored();
        var keys = Inside.OutboxOf(end.Engine).Limits;
        Assert.That(keys.KeyCount, Is.EqualTo(2));

        end.TellRead([end.Read![0] with { Key = null }]);

        Assert.That(keys.Keys.Keys, Is.EqualTo([("l", Delivery.ExactlyOnce)]));
    }

    /// <summary>An end with three lines in memory, which has no room for more there.</summary>
    private static EngineEnd Full()
    {
        var end = new EngineEnd(Kept);
        foreach (var text in new[] { "a", "b", "c" })
            end.Write(new(text));
        end.Save(end.Records.Count);
        return end;
    }

    /// <summary>Makes room for the lines that are in the store alone.</summary>
    private static void ReadAll(EngineEnd end)
    {
        end.TakeBack(end.Written[0]);
        end.TakeBack(end.Written[1]);
        end.Save(end.Records.Count);
        end.TellRead();
    }

    private static Effects At(EngineEnd end, int seconds)
    {
        end.Now = Seconds(seconds);
        return end.Step(Input.Time(end.Moment));
    }

    /// <summary>The first connection opens.</summary>
    private static Effects Open(EngineEnd end)
    {
        Connect(end);
        return Hear(end, $"{Tokens.Prefix} ok epoch=0000000000000001 tx=1 window=9 max=99 timeout=20000\n");
    }

    /// <summary>The connection ends, and another one opens. The peer knows the session, and has got no line.</summary>
    private static void Resume(EngineEnd end)
    {
        end.End(OutageReason.ConnectionLost);
        Reopen(end);
    }

    private static void Reopen(EngineEnd end)
    {
        Connect(end);
        Hear(end, $"{Tokens.Prefix} ok epoch=0000000000000001 tx=1 peer={Inside.EpochOf(end.Engine):x16} rx=0 window=9 max=99 timeout=20000\n");
        Assert.That(end.Engine.Status, Is.EqualTo(LinkStatus.Up));
    }

    private static void Connect(EngineEnd end)
    {
        end.Connect(opening: null);
        end.Save(end.Records.Count);
        while (end.IsSending)
            end.TakeOutput();
    }

    private static Effects Hear(EngineEnd end, string text) =>
        end.Step(Input.Bytes(end.Moment, new(System.Text.Encoding.ASCII.GetBytes(text))));

    private static IEnumerable<string> Details(Effects effects) => (effects.Notices ?? []).Select(notice => notice.Detail);

    private static IEnumerable<string> Waiting(EngineEnd end) => Inside.OutboxOf(end.Engine).All.Select(line => line.Text);

    private static LinkCounters Counters(EngineEnd end) => end.Engine.CountersAt(end.Moment);

    private static TimeSpan Seconds(int seconds) => TimeSpan.FromSeconds(seconds);
}
