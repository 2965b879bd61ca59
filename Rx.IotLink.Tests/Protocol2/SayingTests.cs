using NUnit.Framework;
using Rx.IotLink.Protocol;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>What is said before what, and how long it may be.</summary>
public sealed class SayingTests
{
    [Test]
    public void What_was_accepted_is_acknowledged_before_a_keepalive_says_that_nothing_waits()
    {
        var end = Waiting("a", "b");

        end.Protocol.Accept(end.Now);
        Assert.That(end.Protocol.WantsToSend, Is.True);
        end.Protocol.Keepalive();
        Assert.That(end.TakeSaid(), Is.EqualTo(["=0001", "~0002"]), "b waits");
        end.Protocol.Accept(end.Now);
        end.Protocol.Keepalive();
        Assert.That(end.TakeSaid(), Is.EqualTo(["=0002", ""]));
        Assert.That(end.Protocol.WantsToSend, Is.False);
    }

    [Test]
    public void What_was_accepted_is_acknowledged_before_a_farewell()
    {
        var end = Waiting("a");

        end.Protocol.Accept(end.Now);
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
        Assert.That((end.Repeated, end.Protocol.Deadline), Is.EqualTo((1, (TimeSpan?)(due + end.Protocol.Timeout))));
        end.Receive("=0001\n");
        Assert.That(end.Protocol.Deadline, Is.Null, "nor is anything now");
    }

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
        var end = new TestEnd(Side.Client, new EndOptions { AcceptsAtOnce = false });
        end.Connect();
        end.Receive("IOTLINK/2 ok epoch=1 tx=1 window=9 max=99 timeout=2000\n");
        foreach (var (at, line) in lines.Index())
            end.Receive($"+{at + 1:x4}{line}\n");
        end.TakeSaid();
        return end;
    }
}
