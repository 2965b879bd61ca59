using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using static Rx.IotLink.Tests.Protocol.Driving.ProtocolDriver;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>A line that is not acknowledged is said again, and when.</summary>
[TestFixture(Side.Client)]
[TestFixture(Side.Server)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RepeatTests(Side side)
{
    private readonly ProtocolDriver end = Open(side);

    [Test]
    public void A_line_is_repeated_after_exactly_T_with_the_same_mid_and_bytes()
    {
        end.Write("a");
        Assert.That(end.Protocol.Deadline, Is.EqualTo(end.Now + T));
        end.Take();
        end.Advance(T - Tick);
        Assert.That(end.Take(), Is.Empty);
        end.Advance(Tick);
        Assert.That(end.Take(), Is.EqualTo(["> 00a", "repeated"]));
    }

    [Test]
    public void It_is_repeated_every_T_for_ever()
    {
        end.Write("a");
        end.Take();
        for (var i = 0; i < 1_000; i++)
        {
            end.Advance(T - Tick);
            Assert.That(end.Take(), Is.Empty);
            end.Advance(Tick);
            Assert.That(end.Take(), Is.EqualTo(["> 00a", "repeated"]));
        }
    }

    [Test]
    public void T_is_what_the_option_says()
    {
        var other = new ProtocolDriver(side, timeout: TimeSpan.FromMilliseconds(500));
        other.ConnectAndOpen();
        other.Write("a");
        other.Take();
        other.Advance(TimeSpan.FromMilliseconds(500) - Tick);
        Assert.That(other.Take(), Is.Empty);
        other.Advance(Tick);
        Assert.That(other.TakeSaid(), Is.EqualTo(["00a"]));
    }

    [Test]
    public void An_acknowledgement_ends_the_repeating()
    {
        end.Write("a");
        end.Advance(3 * T);
        end.Take();
        end.Receive("00\n");
        Assert.That(end.Take(), Is.EqualTo(["finished a"]));
        Assert.That(end.Protocol.Deadline, Is.Null);
        end.Advance(3 * T);
        Assert.That(end.Take(), Is.Empty);
    }

    [Test]
    public void An_acknowledgement_that_comes_twice_or_for_nothing_is_ignored()
    {
        end.Write("a");
        end.Receive("00\n");
        end.Take();
        end.Receive("00\n01\nff\n");
        end.Write("b");
        Assert.That(end.Take(), Is.EqualTo(["> 01b"]));
    }

    [Test]
    public void Each_line_is_repeated_T_after_its_own_sending()
    {
        end.Write("first");
        end.Receive("00\n");
        end.WriteConcurrently("a");
        end.Advance(T / 4);
        end.WriteConcurrently("b");
        end.Take();
        end.Advance((T * 3 / 4) - Tick);
        Assert.That(end.Take(), Is.Empty);
        end.Advance(Tick);
        Assert.That(end.TakeSaid(), Is.EqualTo(["01a"]));
        end.Advance((T / 4) - Tick);
        Assert.That(end.Take(), Is.Empty);
        end.Advance(Tick);
        Assert.That(end.TakeSaid(), Is.EqualTo(["02b"]));
    }

    [Test]
    public void A_line_that_the_connection_has_not_taken_is_not_repeated_and_is_waited_for_when_it_has()
    {
        end.IsClogged = true;
        end.Write("a");
        end.Take();
        Assert.That(end.Protocol.Deadline, Is.Null);
        end.Advance(10 * T);
        Assert.That(end.Take(), Is.Empty);
        end.IsClogged = false;
        end.Advance(TimeSpan.Zero);
        Assert.That(end.Protocol.Deadline, Is.EqualTo(end.Now + T));
        end.Advance(T);
        Assert.That(end.TakeSaid(), Is.EqualTo(["00a"]));
    }

    [Test]
    public void A_long_line_has_a_second_more_for_each_1_000_bytes()
    {
        var line = new string('x', 3_900);
        end.Write(line);
        end.Take();
        end.Advance(T + TimeSpan.FromSeconds(3) - Tick);
        Assert.That(end.Take(), Is.Empty);
        end.Advance(Tick);
        Assert.That(end.TakeSaid(), Is.EqualTo([$"00{line}"]));
    }

    [Test]
    public void An_acknowledgement_restarts_the_clock_of_what_was_sent_after_and_not_of_what_was_sent_before()
    {
        end.Write("first");
        end.Receive("00\n");
        end.WriteConcurrently("a", "b", "c");
        end.Take();
        end.Advance(T / 2);
        end.Receive("02\n");
        end.Take();
        end.Advance(T / 2);
        Assert.That(end.TakeSaid(), Is.EqualTo(["01a"]), "lost, or without room: what came after it is acknowledged");
        end.Advance(T / 2);
        Assert.That(end.TakeSaid(), Is.EqualTo(["03c"]));
    }

    [Test]
    public void While_a_line_of_the_peer_is_unfinished_its_acknowledgements_wait_behind_it()
    {
        end.Write("a");
        end.Take();
        end.Receive("00half");
        end.Advance(3 * T);
        Assert.That(end.Take(), Is.Empty);
        end.Receive(" and half\n");
        end.Take();
        end.Advance((T / 8) - Tick);
        Assert.That(end.Take(), Is.Empty, "it may come right behind");
        end.Advance(Tick);
        Assert.That(end.TakeSaid(), Is.EqualTo(["00a"]));
    }

    [Test]
    public void A_later_line_is_acknowledged_before_an_earlier_one()
    {
        end.Write("first");
        end.Receive("00\n");
        end.WriteConcurrently("a", "b");
        end.Take();
        end.Receive("02\n");
        Assert.That(end.Take(), Is.EqualTo(["finished b"]));
        end.Advance(T);
        Assert.That(end.TakeSaid(), Is.EqualTo(["01a"]));
    }

    [Test]
    public void Keepalives_and_other_lines_of_the_peer_do_not_delay_a_repetition()
    {
        end.Write("a");
        end.Take();
        end.Advance(T - Tick);
        end.Receive("\n00x\n");
        end.Accept();
        end.Protocol.Keepalive();
        end.Take();
        end.Advance(Tick);
        Assert.That(end.TakeSaid(), Is.EqualTo(["00a"]));
    }

    [Test]
    public void After_an_outage_lines_are_repeated_as_soon_as_writing_is_allowed_in_their_order()
    {
        end.Write("first");
        end.Receive("00\n");
        end.WriteConcurrently("a", "b");
        end.Write("c");
        end.Disconnect();
        end.Advance(T / 2);
        end.Take();

        end.Connect();
        end.Receive("\n");
        if (side == Side.Server)
        {
            end.Advance(SettlingTime - Tick);
            Assert.That(end.TakeSaid(), Is.EqualTo([""]));
            end.Advance(Tick);
        }

        Assert.That(end.TakeSaid()[^3..], Is.EqualTo(["01a", "02b", "03c"]));
    }

    [Test]
    public void After_an_outage_the_next_repetition_is_T_after_the_one_that_ended_it()
    {
        end.Write("a");
        end.Advance(T / 2);
        end.Reconnect();
        Assert.That(end.Take()[^2..], Is.EqualTo(["> 00a", "repeated"]));
        Assert.That(end.Protocol.Deadline, Is.EqualTo(end.Now + T));
        end.Advance(T - Tick);
        Assert.That(end.Take(), Is.Empty);
        end.Advance(Tick);
        Assert.That(end.TakeSaid(), Is.EqualTo(["00a"]));
    }

    [Test]
    public void During_an_outage_nothing_is_said_or_asked_for()
    {
        end.Write("a");
        end.Disconnect();
        end.Take();
        Assert.That(end.Protocol.Deadline, Is.Null);
        end.Write("b");
        end.Protocol.Keepalive();
        end.Advance(10 * T);
        Assert.That(end.Take(), Is.Empty);
    }

    [Test]
    public void What_is_not_finished_can_be_asked_for_in_the_order_of_sending()
    {
        end.Write("first");
        end.Receive("00\n");
        end.WriteConcurrently("a", "b");
        end.Write("c");
        end.Write("not sent");
        end.Receive("02\n");
        Assert.That(end.Protocol.Unfinished.Select(line => line.Text), Is.EqualTo(["a", "c"]));
    }
}
