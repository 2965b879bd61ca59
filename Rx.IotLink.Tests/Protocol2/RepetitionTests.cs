using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>
/// What the vectors cannot say of when lines are sent again: what the connection has taken, and what it has not.
/// </summary>
public sealed class RepetitionTests
{
    private static readonly TimeSpan T = TimeSpan.FromMilliseconds(2_000);

    [Test]
    public void What_the_connection_has_not_taken_is_not_repeated_and_is_waited_for_when_it_has()
    {
        var end = Open();
        end.IsClogged = true;
        end.Write("a");
        end.TakeSaid();
        Assert.That(end.Protocol.Deadline, Is.Null);
        end.ElapseTo(end.Now + (10 * T));
        Assert.That(end.TakeSaid(), Is.Empty);

        end.IsClogged = false;
        end.ElapseTo(end.Now);
        Assert.That(end.Protocol.Deadline, Is.EqualTo(end.Now + T));
    }

    [Test]
    public void What_is_behind_it_is_not_repeated_either_while_it_is_unsent()
    {
        var end = Open();
        end.Write("a");
        end.IsClogged = true;
        end.Write("b");
        end.TakeSaid();
        end.ElapseTo(end.Now + (10 * T));
        Assert.That(end.TakeSaid(), Is.Empty, "b would be repeated with a");

        end.IsClogged = false;
        end.ElapseTo(end.Now);
        Assert.That(end.Protocol.Deadline, Is.EqualTo(T), "a was waited for all the time");
        end.ElapseTo(end.Now);
        Assert.That(end.TakeSaid(), Is.EqualTo(["+0001a", "+0002b"]));
    }

    [Test]
    public void Lines_that_are_sent_all_the_time_do_not_put_off_the_repetition_of_the_oldest()
    {
        var end = Open();
        end.Write("lost");
        for (var n = 0; n < 9; n++)
        {
            end.ElapseTo(end.Now + (T / 10));
            end.Write("later");
        }

        end.TakeSaid();
        end.ElapseTo(end.Now + (T / 10));
        Assert.That(end.TakeSaid(), Has.Length.EqualTo(10).And.ItemAt(0).EqualTo("+0001lost"));
    }

    [Test]
    public void Where_the_answer_takes_longer_than_the_timeout_one_line_is_repeated_and_no_more()
    {
        var end = Open();
        for (var n = 1; n <= 20; n++)
        {
            end.Write("x");
            ElapseFor(end, 1.5 * T);
            end.Receive($"={n:x4}\n");
        }

        Assert.That(end.Repeated, Is.EqualTo(1));
    }

    [Test]
    public void What_arrives_before_it_is_known_to_be_taken_does_no_harm()
    {
        var end = Open();
        end.IsClogged = true;
        end.Write("a");
        end.ElapseTo(end.Now + (5 * T));
        end.Receive("=0001\n");
        end.IsClogged = false;
        end.Write("b");

        Assert.That(end.Finished, Is.EqualTo(["a"]));
        Assert.That(end.Protocol.Deadline, Is.EqualTo(end.Now + T));
    }

    [Test]
    public void A_new_connection_begins_with_the_timeout_undoubled()
    {
        var end = Open();
        end.Write("a");
        ElapseFor(end, 10 * T);
        end.Disconnect();
        Connect(end);

        Assert.That(end.Protocol.Deadline, Is.EqualTo(end.Now + T));
    }

    private static void ElapseFor(TestEnd end, TimeSpan time)
    {
        var until = end.Now + time;
        while (end.Protocol.Deadline is { } due && due <= until)
            end.ElapseTo(due);
        end.ElapseTo(until);
    }

    private static TestEnd Open()
    {
        var end = new TestEnd(Side.Client, new EndOptions());
        Connect(end);
        return end;
    }

    private static void Connect(TestEnd end)
    {
        end.Connect();
        end.Receive("IOTLINK/2 ok epoch=1 tx=1 window=64 max=4000 timeout=2000\n");
        end.TakeSaid();
    }
}
