using NUnit.Framework;
using QuickStart.Checking;

namespace Rx.IotLink.Tests.Examples;

/// <summary>A checker that finds nothing proves nothing: each of these plants an error.</summary>
[TestFixture]
public sealed class CheckerTests
{
    [Test]
    public void A_history_without_fault_is_flawless()
    {
        var verdict = Judge("w0 w1 r0 a0 w2 r1 r2 a2 a1");

        Assert.That(verdict, Is.EqualTo(new Verdict { Written = 3, Accepted = 3, Received = 3 }));
        Assert.That(verdict.IsFlawless);
    }

    [Test]
    public void Nothing_written_is_flawless() => Assert.That(Judge("").IsFlawless);

    [TestCase("w0 w1 w2 r0 a0 r2 a2", 1, TestName = "A lost line in the middle")]
    [TestCase("w0 w1 w2 r0 r1 a0 a1", 1, TestName = "A lost line at the end")]
    [TestCase("w0 w1 w2", 3, TestName = "Everything lost")]
    public void Finds_lost_lines(string history, int lost)
    {
        var verdict = Judge(history);

        Assert.That(verdict.Lost, Is.EqualTo(lost));
        Assert.That(verdict.OutOfOrder, Is.Zero);
        Assert.That(verdict.IsFlawless, Is.False);
    }

    [TestCase("w0 w1 r0 r0 r1 a0 a1", 1, TestName = "A repeat at once")]
    [TestCase("w0 w1 r0 r1 a0 a1 r0", 1, TestName = "A repeat after later lines")]
    [TestCase("w0 r0 a0 r0 r0", 2, TestName = "Two repeats of one line")]
    public void Finds_repeats(string history, int repeated)
    {
        var verdict = Judge(history);

        Assert.That(verdict.Repeated, Is.EqualTo(repeated));
        Assert.That((verdict.Lost, verdict.OutOfOrder), Is.EqualTo((0, 0)), "a repeat is nothing else besides");
        Assert.That(verdict.IsFlawless, Is.False);
    }

    [TestCase("w0 w1 w2 r0 r2 r1", 1, TestName = "A swap")]
    [TestCase("w0 w1 w2 w3 r3 r0 r1 r2", 3, TestName = "A line that overtook three")]
    public void Finds_lines_out_of_order(string history, int outOfOrder)
    {
        var verdict = Judge(history);

        Assert.That(verdict.OutOfOrder, Is.EqualTo(outOfOrder));
        Assert.That((verdict.Lost, verdict.Repeated), Is.EqualTo((0, 0)));
        Assert.That(verdict.IsFlawless, Is.False);
    }

    [Test]
    public void Finds_a_line_that_nobody_wrote()
    {
        var verdict = Judge("w0 r0 a0 r7 r-1");

        Assert.That((verdict.Unknown, verdict.Received, verdict.Lost), Is.EqualTo((2, 1, 0)));
        Assert.That(verdict.IsFlawless, Is.False);
    }

    [Test]
    public void A_line_that_nobody_wrote_does_not_hide_a_lost_one() => Assert.That(Judge("w0 w1 r0 r9").Lost, Is.EqualTo(1));

    [Test]
    public void Finds_an_acceptance_before_the_line_was_received()
    {
        var verdict = Judge("w0 a0 r0");

        Assert.That(verdict.FalselyAccepted, Is.EqualTo(1));
        Assert.That(verdict.IsFlawless, Is.False);
    }

    [Test]
    public void A_history_numbers_and_counts()
    {
        var history = new History();
        Assert.That((history.Write(), history.Write()), Is.EqualTo((0, 1)));
        history.Received(0);
        history.Accepted(0);

        Assert.That((history.Count(Step.Written), history.Count(Step.Received), history.Count(Step.Accepted)), Is.EqualTo((2, 1, 1)));
        Assert.That(Checker.Judge(history.Entries()), Is.EqualTo(new Verdict { Written = 2, Accepted = 1, Received = 1, Lost = 1 }));
    }

    [Test]
    public void Verdicts_add_up()
    {
        var sum = Judge("w0 w1 r0 a0") + Judge("w0 w1 r1 r0 r0 a0 a1") + Judge("a5 r6");

        Assert.That(sum, Is.EqualTo(new Verdict
        {
            Written = 4, Accepted = 4, Received = 3, Lost = 1, Repeated = 1, OutOfOrder = 1, Unknown = 1, FalselyAccepted = 1,
        }));
    }

    /// <summary>w, a or r for the step, then the number of the line.</summary>
    private static Verdict Judge(string history) => Checker.Judge(
        history.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(step => new Entry(
            step[0] switch { 'w' => Step.Written, 'a' => Step.Accepted, _ => Step.Received },
            int.Parse(step[1..]))));
}
