using NUnit.Framework;
using Rx.IotLink.Engine;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol.Driving;

namespace Rx.IotLink.Tests.Engine;

/// <summary>Lines that are in the store alone, and what a store says of them.</summary>
public sealed class StoringTests
{
    private static readonly World Kept = new(Side.Client, 2, IsKept: true);

    [Test]
    public void What_was_taken_back_from_the_store_is_forgotten_once_that_is_kept()
    {
        var end = Overfull();

        for (var i = 0; i < 1_000; i++)
        {
            var line = new TestLine($"{i}");
            Assert.That(end.Write(line) && end.TakeBack(line), Is.True);
            end.Save(end.Records.Count);
        }

        Assert.That(Inside.TakenBackOf(end.Engine), Is.Zero, "a device that is away for long would hold more and more");
    }

    [Test]
    public void What_is_taken_back_while_it_is_read_does_not_come_to_life_again()
    {
        var end = Overfull();
        var line = end.Written[^1];
        end.TakeBack(end.Written[0]);
        end.TakeBack(end.Written[1]);
        end.ReadStored();
        Assert.That(end.Read!.Select(read => read.Text), Does.Contain(line.Text));

        end.TakeBack(line);
        end.Save(end.Records.Count);
        end.TellRead();

        Assert.That(Inside.OutboxOf(end.Engine).All.Select(l => l.Text), Does.Not.Contain(line.Text));
        Assert.That(Inside.TakenBackOf(end.Engine), Is.Zero);
    }

    [Test]
    public void A_store_that_gives_only_what_it_does_not_have_is_asked_again_later_and_not_at_once()
    {
        var end = Overfull();
        end.TakeBack(end.Written[0]);
        end.TakeBack(end.Written[1]);
        Assert.That(end.Load, Is.Not.Null);

        end.TellRead([new(1_000_000, "never written")]);

        Assert.That(end.Load, Is.Null);
        Assert.That(end.WakeAt, Is.GreaterThan(end.Now));
        Assert.That(Inside.OutboxOf(end.Engine).All.Select(l => l.Text), Does.Not.Contain("never written"));
    }

    [Test]
    public void A_key_that_a_store_did_not_keep_takes_no_line_away_twice()
    {
        var end = new EngineEnd(Kept);
        foreach (var key in new[] { "a", "b", "c", "d" })
            end.Write(new($"of {key}", untilStored: true, key: key));
        end.Save(end.Records.Count);
        Assert.That(end.InStoreAlone, Is.EqualTo(1));
        end.TakeBack(end.Written[0]);
        end.TakeBack(end.Written[1]);
        end.ReadStored();
        end.TellRead([end.Read!.Single() with { Key = "x" }]);
        Assert.That(end.InStoreAlone, Is.Zero, "the line is in memory now");

        // The newer line of the key would take the older one away from the store alone, where it is not any more.
        Assert.That(end.Write(new("newer", key: "d")), Is.True);

        Assert.That(end.InStoreAlone, Is.Zero);
        Assert.That(Inside.OutboxOf(end.Engine).All.Select(line => line.Text), Is.EqualTo(["of c", "of d", "newer"]));
        Assert.That(end.Engine.Unfinished, Is.EqualTo(3));
    }

    [Test]
    public void More_keys_than_lines_make_no_count_wrong()
    {
        var earlier = new EngineEnd(Kept);
        foreach (var key in new[] { "a", "b", "c", "d" })
            earlier.Write(new($"of {key}", untilStored: true, key: key));
        earlier.Save(earlier.Records.Count);

        // A debug build asserts that all who count lines find the same.
        var end = new EngineEnd(Kept, earlier.Store, seed: 2, lie: static kept => kept with
        {
            Lines = [.. kept.Lines.Take(3)],
            Memory = kept.Memory with { LastPosition = 7 },
            Keys = [new("x", 4, 5), new("x", 5, 5), new("x", 6, 5), new("x", 7, 5)],
        })
        { IsChecked = false };
        end.Write(new("newer", untilStored: true, key: "x"));

        Assert.That(end.InStoreAlone, Is.InRange(0, 1));
        Assert.That(end.Engine.Unfinished, Is.InRange(3, 4));
    }

    [Test]
    public void No_more_lines_are_sent_than_the_next_process_can_number_again()
    {
        const int Lines = SessionOffer.MaxWindow + 3_000;
        LinkOptions limits = new IotLinkServerOptions { OutboxLines = Lines, InboxLines = 10 };
        var end = new EngineEnd(Kept, store: null, limits) { IsChecked = false };
        for (var i = 0; i < Lines; i++)
            end.Write(new($"line {i}"));
        end.Connect(null);
        var written = end.Records.Count;
        end.Save(written);
        end.Receive($"{Tokens.Prefix} ok epoch=0000000000000002 tx=1 window={SessionOffer.MaxWindow} max=100 timeout=2000\n");

        // The store is slow: it never gets to keep what the peer has accepted.
        var accepted = 0;
        for (var said = TakeSaid(end); said > 0; said = TakeSaid(end))
            end.Receive($"={(ushort)(accepted += said):x4}\n");
        Assert.That(accepted, Is.EqualTo(SessionOffer.MaxWindow));

        // The process ends; the next one goes on, and the peer has not forgotten.
        var next = new EngineEnd(Kept, end.Store, limits, seed: 2) { IsChecked = false };
        next.Connect(null);
        next.Save(next.Records.Count);
        next.Receive($"{Tokens.Prefix} ok epoch=0000000000000002 tx=1 peer={Inside.EpochOf(next.Engine):x16} rx={accepted} window=100 max=100 timeout=2000\n");
        Assert.That(next.Notices, Has.None.EqualTo(LinkNoticeKind.MemoryRolledBack));
        Assert.That(next.Engine.Unfinished, Is.EqualTo(Lines - accepted));
        for (var turn = 0; turn < 1_000 && next.Engine.Unfinished > 0; turn++)
        {
            next.Save(next.Records.Count);
            next.TellRead();
            next.Receive($"={(ushort)(accepted += TakeSaid(next)):x4}\n");
        }

        Assert.That(next.Engine.Unfinished, Is.Zero, "what is kept later goes on");
    }

    [Test]
    public void The_store_takes_so_many_lines_and_one_that_replaces_another_is_none_more()
    {
        var end = new EngineEnd(Kept);
        for (var line = 1; line < end.Limits.StoredLines; line++)
            Assert.That(Write(end, new($"{line}", untilStored: true)), Is.EqualTo(Rejection.None));
        Assert.That(Write(end, new("with a key", untilStored: true, key: "k")), Is.EqualTo(Rejection.None), "the last one");

        Assert.That(Write(end, new("one more", untilStored: true)), Is.EqualTo(Rejection.StoredLines));
        Assert.That(Write(end, new("newer", untilStored: true, key: "k")), Is.EqualTo(Rejection.None));
    }

    [Test]
    public void The_store_takes_so_many_bytes_and_those_of_a_line_that_is_replaced_are_free()
    {
        var end = new EngineEnd(Kept);
        Assert.That(Write(end, new(new('a', 70), untilStored: true)), Is.EqualTo(Rejection.None));
        Assert.That(Write(end, new(new('b', 30), untilStored: true, key: "k")), Is.EqualTo(Rejection.None), "a hundred");
        end.Save(end.Records.Count);

        Assert.That(Write(end, new("c", untilStored: true)), Is.EqualTo(Rejection.StoredBytes));
        Assert.That(Write(end, new(new('d', 31), untilStored: true, key: "k")), Is.EqualTo(Rejection.StoredBytes));
        Assert.That(Write(end, new(new('e', 30), untilStored: true, key: "k")), Is.EqualTo(Rejection.None));
    }

    /// <summary>What was given up is in memory until the store knows it.</summary>
    [TestCase("k", null)]
    [TestCase(null, 1)]
    public void A_store_that_keeps_nothing_bounds_what_is_given_up_meanwhile(string? key, int? secondsToLive)
    {
        var end = new EngineEnd(Kept);
        var most = end.Limits.OutboxLines + end.Limits.MaxWaitingWrites;
        var taken = 0;
        TestLine Next() => new($"{taken}", untilStored: true, key: key, timeToLive: secondsToLive is { } seconds ? TimeSpan.FromSeconds(seconds) : null);
        for (; taken < 100 && Write(end, Next()) == Rejection.None; taken++)
        {
            end.Now += TimeSpan.FromSeconds(2);
            end.Step(Input.Time(end.Moment));
        }

        Assert.That(taken, Is.EqualTo(key is null ? most : most + 1), "the last one waits, if it lives");
        Assert.That(Write(end, Next()), Is.EqualTo(Rejection.OutboxFull));
        Assert.That(Write(end, new("without a limit of its own", untilStored: true)), Is.EqualTo(Rejection.None));
        end.Save(end.Records.Count);
        Assert.That(Write(end, Next()), Is.EqualTo(Rejection.None));
    }

    [Test]
    public void So_many_keys_are_known_at_a_time()
    {
        var end = new EngineEnd(Kept);
        var most = end.Limits.OutboxLines + end.Limits.MaxWaitingWrites;
        for (var key = 0; key < most; key++)
            Assert.That(Write(end, new($"{key}", untilStored: true, key: $"{key}")), Is.EqualTo(Rejection.None));

        Assert.That(Write(end, new("x", untilStored: true, key: "one more")), Is.EqualTo(Rejection.OutboxFull));
        Assert.That(Write(end, new("y", untilStored: true, key: "0")), Is.EqualTo(Rejection.None), "a newer one of a key that is known");
        Assert.That(Write(end, new("z", untilStored: true)), Is.EqualTo(Rejection.None));
    }

    [Test]
    public void A_writer_that_waits_for_the_store_alone_learns_when_its_line_is_kept_and_no_other()
    {
        var end = new EngineEnd(Kept);
        end.Write(new("first", untilStored: true));
        end.Write(new("awaited"));
        end.Write(new("second", untilStored: true));

        var learned = new List<string>();
        end.Stored = line => learned.Add(line.Text);
        end.Save((int)end.Written[0].Record - 1);
        Assert.That(learned, Is.Empty);
        end.Save((int)end.Written[0].Record);
        Assert.That(learned, Is.EqualTo(["first"]));
        end.Save((int)end.Written[1].Record);
        Assert.That(learned, Is.EqualTo(["first"]));
        end.Save(end.Records.Count);
        end.Save(end.Records.Count);
        Assert.That(learned, Is.EqualTo(["first", "second"]));
    }

    [Test]
    public void A_store_that_cannot_be_read_is_reported_once_and_read_again_a_second_later()
    {
        var end = Overfull();
        end.TakeBack(end.Written[0]);
        end.TakeBack(end.Written[1]);
        Assert.That(end.Load?.Count, Is.EqualTo(end.Limits.OutboxLines - 1), "one is in memory");
        end.FailRead();
        Assert.That(end.Notices, Is.EqualTo([LinkNoticeKind.StoreFailed]));
        Assert.That((end.Load, end.WakeAt, end.Engine.StoreFault is null), Is.EqualTo(((Load?)null, (TimeSpan?)end.Now + TimeSpan.FromSeconds(1), false)));

        end.Now += TimeSpan.FromSeconds(1);
        end.Step(Input.Time(end.Moment));
        end.FailRead();
        Assert.That(end.Notices, Has.Count.EqualTo(1));
        end.Now += TimeSpan.FromSeconds(1);
        end.Step(Input.Time(end.Moment));
        end.TellRead();

        Assert.That(end.Notices, Is.EqualTo([LinkNoticeKind.StoreFailed, LinkNoticeKind.StoreWorks]));
        Assert.That((end.Engine.StoreFault, end.InStoreAlone), Is.EqualTo(((Outage?)null, 0)));
    }

    [Test]
    public void No_more_lines_may_be_read_than_wait_in_the_store_alone()
    {
        var end = Overfull();
        StoredLine At(long position) => new(position, "any");
        Assert.Multiple(() =>
        {
            Assert.That(end.Engine.MayBeLoaded([At(1), At(2), At(3), At(4)]), Is.True, "three of them are in memory");
            Assert.That(end.Engine.MayBeLoaded([At(4), At(5)]), Is.False);
            Assert.That(new EngineEnd(new(Side.Client, 2, IsKept: false)).Engine.MayBeLoaded([At(4), At(5)]), Is.True, "nobody reads");
        });
    }

    private static Rejection Write(EngineEnd end, TestLine line)
    {
        end.Written.Add(line);
        return end.Step(Input.Wrote(end.Moment, line, maySendLater: false, timeOfDay: end.TimeOfDay)).Rejection;
    }

    /// <summary>How many lines it says now.</summary>
    private static int TakeSaid(EngineEnd end)
    {
        while (end.IsSending)
            end.TakeOutput();
        var lines = end.Said.Count(b => b == (byte)'+');
        end.Said.Clear();
        return lines;
    }

    /// <summary>An end whose outbox is full, with one line more in the store alone.</summary>
    private static EngineEnd Overfull()
    {
        var end = new EngineEnd(Kept);
        while (end.InStoreAlone == 0)
            end.Write(new($"line {end.Written.Count}"));
        end.Save(end.Records.Count);
        return end;
    }
}
