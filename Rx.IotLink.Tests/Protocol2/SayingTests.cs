using NUnit.Framework;
using Rx.IotLink.Protocol;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>What is said before what, and how long it may be.</summary>
public sealed class SayingTests
{
    [Test]
    public void Lines_may_share_a_send_and_a_keepalive_is_due_only_in_silence_and_nobody_waits_before_a_new_connection([Values] Side side)
    {
        var end = new TestEnd(side);

        Assert.That((end.Protocol.OneSendPerLine, end.Protocol.KeepaliveAlways, end.Protocol.QuietTime), Is.EqualTo((false, false, TimeSpan.Zero)));
    }

    [Test]
    public void What_was_accepted_is_acknowledged_before_a_keepalive_says_that_nothing_waits()
    {
        var end = Waiting("a", "b");

        end.Protocol.Accept(1, end.Now);
        Assert.That(end.Protocol.WantsToSend, Is.True);
        end.Protocol.Keepalive();
        Assert.That(end.TakeSaid(), Is.EqualTo(["=0001", "~0002"]), "b waits");
        end.Protocol.Accept(2, end.Now);
        end.Protocol.Keepalive();
        Assert.That(end.TakeSaid(), Is.EqualTo(["=0002", ""]));
        Assert.That(end.Protocol.WantsToSend, Is.False);
    }

    [Test]
    public void What_was_accepted_is_acknowledged_before_a_farewell()
    {
        var end = Waiting("a");

        end.Protocol.Accept(1, end.Now);
        end.Protocol.Bye("tired");

        Assert.That(end.TakeSaid(), Is.EqualTo(["=0001", "!bye tired"]));
    }

    [Test]
    public void Nothing_is_said_again_before_its_time()
    {
        var end = Waiting();
        Assert.That(end.Protocol.Deadline, Is.Null, "nothing is on its way");
        end.Write("a");
        end.TakeSaid();
        var due = end.Now + end.Protocol.Timeout;
        Assert.That(end.Protocol.Deadline, Is.EqualTo(due));

        end.ElapseTo(due - TimeSpan.FromTicks(1));
        Assert.That(end.TakeSaid(), Is.Empty);
        end.ElapseTo(due);
        Assert.That(end.TakeSaid(), Is.EqualTo(["+0001a"]));
        Assert.That((end.Repeated, end.Protocol.Deadline), Is.EqualTo((1, (TimeSpan?)(due + (2 * end.Protocol.Timeout)))));
        end.Receive("=0001\n");
        Assert.That(end.Protocol.Deadline, Is.Null, "nor is anything now");
    }

    [Test]
    public void What_the_peer_says_to_have_while_there_is_no_room_to_send_is_not_sent_again()
    {
        var end = Sent("a", "b", "c");
        end.Room = 0;
        end.ElapseTo(end.Now + end.Protocol.Timeout);
        Assert.That(end.TakeSaid(), Is.Empty, "all three are due again, and there is no room");

        end.Room = int.MaxValue;
        end.Receive("~0002\n");

        Assert.That(end.TakeSaid(), Is.EqualTo(["+0003c"]));
    }

    [Test]
    public void What_the_peer_had_on_the_last_connection_and_did_not_accept_counts_for_nothing_on_the_next()
    {
        var end = Sent("a", "b", "c");
        end.Receive("~0002\n");
        end.Disconnect();
        Open(end);
        Assert.That(end.TakeSaid().Skip(1), Is.EqualTo(["+0001a", "+0002b", "+0003c"]), "after the opening");

        end.ElapseTo(end.Now + end.Protocol.Timeout);

        Assert.That(end.TakeSaid(), Is.EqualTo(["+0001a", "+0002b", "+0003c"]), "nothing was said to have arrived");
    }

    [Test]
    public void A_line_of_any_length_has_room_in_the_output([Values] Delivery delivery)
    {
        for (var length = 1; length <= 1_200; length++)
        {
            var end = new TestEnd(Side.Client);
            Open(end);
            end.TakeSaid();
            var line = new string('x', length);
            end.Write(line, delivery);
            Assert.That(end.TakeSaid(), Is.EqualTo([(delivery == Delivery.ExactlyOnce ? "+0001" : "-") + line]));
        }
    }

    [Test]
    public void A_line_that_was_given_neither_a_text_nor_a_way_to_make_it_says_so() =>
        Assert.That(() => new Textless().Text, Throws.InvalidOperationException.With.Message.Contains("without a text"));

    [TestCase(10)]
    [TestCase(4_000)]
    public void An_answer_to_an_opening_has_at_most_2048_bytes_however_long_a_line_may_be(int max)
    {
        const string Begin = "IOTLINK/2 no code=busy retry=1 text=";
        var longest = Begin + new string('x', 2_048 - Begin.Length);
        var end = Greeting(max);

        end.Receive(longest + "\n");

        Assert.That(end.Left?.Reason, Is.EqualTo(OutageReason.Refused));
        Assert.That(() => Greeting(max).Receive(longest + "x\n"), Throws.TypeOf<LineTooLongException>().With.Message.Contains("2048"));
        Assert.That(() => Greeting(max).Receive(longest + "x"), Throws.TypeOf<LineTooLongException>().With.Message.Contains("2048"), "before it ends");
    }

    private static TestEnd Greeting(int max)
    {
        var end = new TestEnd(Side.Client, new EndOptions { Max = max });
        end.Connect();
        return end;
    }

    /// <summary>An open end at which these lines wait for the application.</summary>
    private static TestEnd Waiting(params IEnumerable<string> lines)
    {
        var end = new TestEnd(Side.Client, new EndOptions { AcceptsAtOnce = false, IsKept = false });
        Open(end);
        foreach (var (at, line) in lines.Index())
            end.Receive($"+{at + 1:x4}{line}\n");
        end.TakeSaid();
        return end;
    }

    /// <summary>An open end that has sent these lines.</summary>
    private static TestEnd Sent(params IEnumerable<string> lines)
    {
        var end = new TestEnd(Side.Client);
        Open(end);
        foreach (var line in lines)
            end.Write(line);
        end.TakeSaid();
        return end;
    }

    private static void Open(TestEnd end)
    {
        end.Connect();
        end.Receive("IOTLINK/2 ok epoch=1 tx=1 window=9 max=4000 timeout=2000\n");
    }

    private sealed class Textless() : OutLine(null, bytes: 0, Delivery.ExactlyOnce, Ordering.Ordered);
}
