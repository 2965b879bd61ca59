using NUnit.Framework;
using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Testing;

/// <summary>What the checker says of lines that may be dropped.</summary>
public sealed class LimitedLineCheckerTests
{
    private DeliveryChecker checker = null!;

    [SetUp]
    public void WriteTwo()
    {
        checker = new();
        checker.Write();
        checker.Write();
    }

    [Test]
    public void A_line_that_was_dropped_and_does_not_arrive_is_no_loss()
    {
        checker.Dropped(0);
        checker.Received(1);
        checker.Accepted(1);

        Assert.That(checker.Open, Is.Zero);
        Assert.That(checker.Verdict, Is.EqualTo(new DeliveryVerdict { Written = 2, Dropped = 1, Received = 1, Accepted = 1 }).And.Property(nameof(DeliveryVerdict.IsFlawless)).True);
    }

    [Test]
    public void A_line_that_arrives_must_not_be_reported_as_dropped([Values] bool before)
    {
        if (before)
            checker.Dropped(0);
        checker.Received(0);
        if (!before)
            checker.Dropped(0);

        Assert.That((checker.Verdict.FalselyDropped, checker.Verdict.IsFlawless), Is.EqualTo((1, false)));
    }

    [Test]
    public void A_line_that_is_reported_twice_as_dropped_is_wrong()
    {
        checker.Dropped(0);
        checker.Dropped(0);

        Assert.That(checker.Verdict.FalselyDropped, Is.EqualTo(1));
    }

    [Test]
    public void A_line_that_is_missing_and_was_not_reported_is_lost()
    {
        checker.Received(1);

        Assert.That((checker.Verdict.Lost, checker.Open), Is.EqualTo((1, 2)));
    }

    [Test]
    public void A_line_of_an_earlier_process_that_may_be_dropped_may_arrive_or_not([Values] bool arrives)
    {
        checker.WriterCrashed([0, 1]);
        checker.MayBeDropped(0);
        if (arrives)
            checker.Received(0);
        checker.Received(1);

        Assert.That((checker.Open, checker.Verdict.IsFlawless), Is.EqualTo((0, true)));
    }

    [Test]
    public void A_line_that_must_not_arrive_any_more_and_does_is_too_late()
    {
        checker.MustNotArrive(0);
        checker.Received(0);

        Assert.That((checker.Verdict.TooLate, checker.Verdict.IsFlawless), Is.EqualTo((1, false)));
    }
}
