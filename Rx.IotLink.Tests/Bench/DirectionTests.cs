using NUnit.Framework;
using Rx.IotLink.Testing;
using TcpSoak.Lines;

namespace Rx.IotLink.Tests.Bench;

/// <summary>
/// Two processes have a half each of what the checker needs: the whole must find what one checker would.
/// </summary>
[TestFixture]
public sealed class DirectionTests
{
    [Test]
    public void Halves_without_fault_are_flawless_together()
    {
        var whole = Join("w0 w1 a0 w2 a2 a1", "r0 r1 r2");

        Assert.That(whole, Is.EqualTo(new DeliveryVerdict { Written = 3, Accepted = 3, Received = 3 }));
    }

    [TestCase("w0 w1 w2 a0 a1 a2", "r0 r2", "lost", TestName = "Lost in the middle")]
    [TestCase("w0 w1 w2 a0 a1 a2", "r0 r1", "lost", TestName = "Lost at the end")]
    [TestCase("w0 w1", "", "lost", TestName = "All lost")]
    [TestCase("w0 w1 a0 a1", "r0 r0 r1", "repeated", TestName = "Repeated")]
    [TestCase("w0 w1 w2 a0 a1 a2", "r0 r2 r1", "out of order", TestName = "Swapped")]
    [TestCase("w0 a0", "r0 r1", "unknown", TestName = "Received and never written")]
    [TestCase("w0 a0", "r0 r-1", "unknown", TestName = "Unreadable")]
    [TestCase("w0 a0 a0", "r0", "falsely accepted", TestName = "Accepted twice")]
    [TestCase("w0 w1 a0", "r0 r1", "unanswered", TestName = "Received and never accepted")]
    public void Faults_are_found_by_the_halves_together(string writer, string receiver, string fault)
    {
        var whole = Join(writer, receiver);

        Assert.That(whole.IsFlawless, Is.False);
        Assert.That(fault switch
        {
            "lost" => whole.Lost,
            "repeated" => whole.Repeated,
            "out of order" => whole.OutOfOrder,
            "unknown" => whole.Unknown,
            "falsely accepted" => whole.FalselyAccepted,
            _ => whole.Unanswered,
        }, Is.Positive);
    }

    [Test]
    public void A_line_is_known_for_what_it_is()
    {
        for (var number = 0L; number < 1_000; number++)
            Assert.That(Numbered.Number(Numbered.Line(number)), Is.EqualTo(number));
    }

    [TestCase("")]
    [TestCase("7")]
    [TestCase("x")]
    [TestCase("-1 l")]
    public void Another_text_is_no_line(string text) => Assert.That(Numbered.Number(text), Is.EqualTo(Numbered.Unreadable));

    [Test]
    public void A_line_that_was_cut_or_joined_is_no_line()
    {
        var line = Numbered.Line(5);
        Assert.That(Numbered.Number(line[..^1]), Is.EqualTo(Numbered.Unreadable));
        Assert.That(Numbered.Number(line[1..]), Is.EqualTo(Numbered.Unreadable));
        Assert.That(Numbered.Number(line + Numbered.Line(6)), Is.EqualTo(Numbered.Unreadable));
    }

    private static DeliveryVerdict Join(string writer, string receiver) => Direction.Join(Tell(Teller.Writer, writer), Tell(Teller.Receiver, receiver));

    /// <summary>w, a or r for the step, then the number of the line.</summary>
    private static DeliveryVerdict Tell(Teller teller, string history)
    {
        var direction = new Direction(teller);
        foreach (var step in history.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var number = long.Parse(step[1..]);
            if (step[0] == 'w')
                Assert.That(direction.Write(), Is.EqualTo(number));
            else if (step[0] == 'a')
                direction.Accepted(number);
            else
                direction.Received(number);
        }

        return direction.Verdict;
    }
}
