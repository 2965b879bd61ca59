using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using static Rx.IotLink.Tests.Protocol.Driving.ProtocolDriver;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>
/// A line of the peer is acknowledged when the application has it, and what comes again is not handed on again.
/// </summary>
[TestFixture(Side.Client)]
[TestFixture(Side.Server)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class AcknowledgementTests(Side side)
{
    private readonly ProtocolDriver end = Open(side);

    [Test]
    public void A_line_is_acknowledged_when_it_is_accepted_and_not_before()
    {
        end.Receive("00a\n");
        end.Advance(10 * T);
        Assert.That(end.Take(), Is.EqualTo(["line a"]));
        end.Accept();
        Assert.That(end.Take(), Is.EqualTo(["> 00"]));
        Assert.That(end.Protocol.WantsToSend, Is.False, "it is said at once");
    }

    [Test]
    public void Lines_are_acknowledged_in_the_order_they_came()
    {
        end.Receive("02c\n00a\n01b\n");
        end.Take();
        end.AcceptAll();
        Assert.That(end.TakeSaid(), Is.EqualTo(["02", "00", "01"]));
    }

    [Test]
    public void Every_line_is_acknowledged_whatever_its_delivery_was() =>
        Assert.That(AcceptedMids(count: 600), Is.EqualTo(Enumerable.Range(0, 600).Select(i => $"{(i == 0 ? 0 : ((i - 1) % 255) + 1):x2}")));

    [Test]
    public void A_repeated_line_is_acknowledged_again_and_not_delivered_again()
    {
        end.Receive("00first\n07a\n");
        end.AcceptAll();
        end.Take();
        for (var i = 0; i < 5; i++)
        {
            end.Receive("07a\n");
            Assert.That(end.Take(), Is.EqualTo(["duplicate", "> 07"]));
            end.Advance(T);
        }
    }

    [Test]
    public void A_line_repeated_before_it_is_accepted_is_acknowledged_once_when_it_is()
    {
        end.Receive("00a\n");
        end.Advance(T);
        end.Receive("00a\n");
        end.Advance(T);
        end.Receive("00a\n");
        Assert.That(end.Take(), Is.EqualTo(["line a", "duplicate", "duplicate"]));
        end.Accept();
        Assert.That(end.Take(), Is.EqualTo(["> 00"]));
    }

    [Test]
    public void A_line_accepted_after_its_connection_is_acknowledged_when_it_comes_again()
    {
        end.Receive("00a\n");
        end.Disconnect();
        end.Accept();
        end.Take();
        end.ConnectAndOpen();
        Assert.That(end.TakeSaid(), Has.None.EqualTo("00"));
        end.Receive("00a\n");
        Assert.That(end.Take(), Is.EqualTo(["duplicate", "> 00"]));
    }

    [Test]
    public void A_line_that_came_again_on_a_new_connection_is_acknowledged_there_when_it_is_accepted()
    {
        end.Receive("00a\n");
        end.Reconnect();
        end.Take();
        end.Receive("00a\n");
        Assert.That(end.Take(), Is.EqualTo(["duplicate"]));
        end.Accept();
        Assert.That(end.Take(), Is.EqualTo(["> 00"]));
    }

    [Test]
    public void A_line_accepted_on_a_new_connection_where_it_did_not_come_again_is_not_acknowledged_unasked()
    {
        end.Receive("00a\n");
        end.Reconnect();
        end.Take();
        end.Accept();
        Assert.That(end.Take(), Is.Empty, "00 may mean another line of a restarted peer by now");
    }

    [Test]
    public void An_old_line_is_not_acknowledged_when_its_mid_means_another_line_by_now()
    {
        end.Receive("05a\n");
        end.Receive("05b\n");
        end.Take();
        end.Accept();
        Assert.That(end.Take(), Is.Empty, "a");
        end.Accept();
        Assert.That(end.Take(), Is.EqualTo(["> 05"]), "b");
    }

    [Test]
    public void A_line_without_room_in_the_inbox_is_not_acknowledged_and_is_new_when_it_comes_again()
    {
        end.InboxFull = true;
        end.Receive("00a\n");
        end.Advance(T);
        end.Receive("00a\n");
        Assert.That(end.Take(), Is.EqualTo(["withheld a", "withheld a"]));

        end.InboxFull = false;
        end.Advance(T);
        end.Receive("00a\n");
        end.Accept();
        Assert.That(end.Take(), Is.EqualTo(["line a", "> 00"]));
    }

    [Test]
    public void A_full_inbox_keeps_no_acknowledgement_back_of_what_came_before()
    {
        end.Receive("00a\n01b\n");
        end.Accept();
        end.InboxFull = true;
        end.Take();
        end.Receive("02c\n00a\n");
        end.Accept();
        Assert.That(end.Take(), Is.EqualTo(["withheld c", "duplicate", "> 00", "> 01"]));
    }

    [Test]
    public void A_line_withheld_over_an_outage_is_new_on_the_next_connection_and_no_restart()
    {
        end.Receive("00a\n");
        end.Accept();
        end.InboxFull = true;
        end.Receive("01b\n");
        end.Reconnect();
        end.InboxFull = false;
        end.Take();
        end.Receive("01b\n");
        end.Accept();
        Assert.That(end.Take(), Is.EqualTo(["line b", "> 01"]));
    }

    private List<string> AcceptedMids(int count)
    {
        var said = new List<string>();
        for (var i = 0; i < count; i++)
        {
            var mid = i == 0 ? 0 : ((i - 1) % 255) + 1;
            end.Receive($"{mid:x2}the same text\n");
            Assert.That(end.Take(), Is.EqualTo(["line the same text"]), $"line {i}");
            end.Accept();
            said.Add(end.TakeSaid().Single());
        }

        return said;
    }
}
