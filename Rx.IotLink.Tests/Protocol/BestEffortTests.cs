using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using static Rx.IotLink.Tests.Protocol.Driving.ProtocolDriver;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>Best effort: at most once, and never at the cost of exactly once.</summary>
[TestFixture(Side.Client)]
[TestFixture(Side.Server)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class BestEffortTests(Side side)
{
    private readonly ProtocolDriver end = Open(side);

    [SetUp]
    public void Pass_the_first_line_since_nothing_overtakes_it()
    {
        end.Write("first");
        end.Receive("00\n");
        end.Take();
    }

    [Test]
    public void A_line_is_finished_when_it_is_sent()
    {
        end.WriteBestEffort("a");
        Assert.That(end.Take(), Is.EqualTo(["> 01a", "finished a"]));
        end.Receive("01\n");
        Assert.That(end.Take(), Is.Empty, "its acknowledgement says nothing new");
    }

    [Test]
    public void A_line_is_never_repeated()
    {
        end.WriteBestEffort("a");
        end.Take();
        end.Advance(10 * T);
        Assert.That(end.Take(), Is.Empty);
    }

    [Test]
    public void A_line_is_not_repeated_on_a_new_connection()
    {
        end.WriteBestEffort("a");
        end.Disconnect();
        end.Take();
        end.ConnectAndOpen();
        Assert.That(end.TakeSaid().Where(line => line.EndsWith('a')), Is.Empty);
    }

    [Test]
    public void A_line_that_was_not_sent_waits_for_the_link_to_be_up()
    {
        end.Disconnect();
        end.WriteBestEffort("a");
        end.Advance(10 * T);
        Assert.That(end.Take(), Is.Empty);
        end.ConnectAndOpen();
        Assert.That(end.Take()[^2..], Is.EqualTo(["> 01a", "finished a"]));
    }

    [Test]
    public void The_next_one_goes_when_the_one_before_is_acknowledged()
    {
        end.WriteBestEffort("a");
        end.WriteBestEffort("b");
        Assert.That(end.TakeSaid(), Is.EqualTo(["01a"]));
        end.Receive("01\n");
        Assert.That(end.TakeSaid(), Is.EqualTo(["02b"]));
    }

    [Test]
    public void The_next_one_waits_whatever_goes_in_between()
    {
        end.WriteBestEffort("a");
        end.Write("b");
        end.WriteBestEffort("c");
        Assert.That(end.TakeSaid(), Is.EqualTo(["01a", "02b"]));
        end.Receive("02\n");
        Assert.That(end.TakeSaid(), Is.Empty);
        end.Receive("01\n");
        Assert.That(end.TakeSaid(), Is.EqualTo(["03c"]));
    }

    [Test]
    public void The_next_one_goes_when_the_one_before_is_64_mids_old()
    {
        end.WriteBestEffort("a");
        end.WriteBestEffort("b");
        for (var mid = 2; mid <= 64; mid++)
        {
            end.Write("x");
            end.Receive($"{mid:x2}\n");
        }

        Assert.That(end.TakeSaid(), Has.None.EndsWith("b"));
        end.Write("x");
        Assert.That(end.TakeSaid(), Is.EqualTo(["41x", "42b"]), "it is not waited for any longer");
    }

    [Test]
    public void The_next_one_goes_T_after_the_one_before_at_the_latest_and_not_a_tick_earlier()
    {
        end.WriteBestEffort("a");
        end.WriteBestEffort("b");
        end.Take();
        end.Advance(T - Tick);
        Assert.That(end.Take(), Is.Empty);
        end.Advance(Tick);
        Assert.That(end.Take(), Is.EqualTo(["> 02b", "finished b"]));
    }

    [Test]
    public void The_repetition_of_another_line_does_not_let_the_next_one_go_early()
    {
        end.Write("x");
        end.Advance(T / 2);
        end.WriteBestEffort("a");
        end.WriteBestEffort("b");
        end.Take();
        end.Advance(T / 2);
        Assert.That(end.TakeSaid(), Is.EqualTo(["01x"]), "its own time has come");
        end.Advance(T / 2);
        Assert.That(end.TakeSaid(), Is.EqualTo(["03b"]));
    }

    [Test]
    public void A_pending_line_delays_no_exactly_once_line()
    {
        end.WriteBestEffort("a");
        end.Write("b");
        end.WriteConcurrently(Enumerable.Range(0, 14).Select(i => $"x{i}"));
        Assert.That(end.TakeSaid(), Has.Length.EqualTo(16), "all of them");
    }

    [Test]
    public void A_pending_line_takes_no_room_in_bytes_from_exactly_once_lines()
    {
        end.WriteBestEffort(new string('b', 1_900));
        end.WriteConcurrently(new string('x', 2_000), new string('y', 48));
        Assert.That(end.TakeSaid(), Has.Length.EqualTo(3));
    }

    [Test]
    public void A_line_that_is_never_acknowledged_does_not_stop_exactly_once_lines_at_a_span_of_64()
    {
        end.WriteBestEffort("a");
        for (var mid = 2; mid < 150; mid++)
        {
            end.Write($"x{mid}");
            end.Receive($"{mid:x2}\n");
            Assert.That(end.Take()[^1], Is.EqualTo($"finished x{mid}"));
        }
    }

    [Test]
    public void A_late_acknowledgement_is_never_taken_for_a_later_line_with_the_same_mid()
    {
        end.WriteBestEffort("a");
        for (var round = 0; round < 255; round++)
        {
            end.Write($"x{round}");
            var said = end.TakeSaid()[^1];
            if (round < 254)
                end.Receive(said[..2] + "\n");
        }

        end.Receive("01\n");
        Assert.That(end.Take(), Is.EqualTo(["finished x254"]), "01 came round and is an exactly-once line now");
    }

    [Test]
    public void Waiting_lines_let_exactly_once_lines_go_first()
    {
        end.Disconnect();
        end.WriteBestEffort("a");
        end.WriteConcurrently("b");
        end.Write("c");
        end.Take();
        end.ConnectAndOpen();
        Assert.That(end.TakeSaid()[^3..], Is.EqualTo(["01c", "02b", "03a"]));
    }

    [Test]
    public void The_first_line_of_a_process_is_carried_through_since_it_clears_the_peers_filter()
    {
        var fresh = Open(side);
        fresh.WriteBestEffort("a");
        fresh.Write("b");
        Assert.That(fresh.Take(), Is.EqualTo(["> 00a", "finished a"]));
        fresh.Advance(T);
        Assert.That(fresh.Take(), Is.EqualTo(["> 00a", "repeated"]));
        fresh.Disconnect();
        fresh.ConnectAndOpen();
        Assert.That(fresh.Take()[^2..], Is.EqualTo(["> 00a", "repeated"]));
        fresh.Receive("00\n");
        Assert.That(fresh.Take(), Is.EqualTo(["> 01b"]), "it is not reported as finished again");
    }

    [Test]
    public void The_filter_at_the_other_end_drops_a_best_effort_line_that_comes_again()
    {
        end.Receive("07a\n");
        end.Accept();
        end.Receive("07a\n");
        Assert.That(end.Take(), Is.EqualTo(["line a", "> 07", "duplicate", "> 07"]));
    }
}
