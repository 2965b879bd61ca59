using NUnit.Framework;
using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Testing;

/// <summary>The checker must find what it is there to find, and nothing else.</summary>
public sealed class DeliveryCheckerTests
{
    private static readonly DeliveryVerdict Three = new() { Written = 3, Accepted = 3, Received = 3 };

    private DeliveryChecker checker = null!;

    [SetUp]
    public void Write()
    {
        checker = new DeliveryChecker();
        for (var i = 0; i < 3; i++)
            Assert.That(checker.Write(), Is.EqualTo(i));
    }

    [Test]
    public void A_faultless_history_is_flawless()
    {
        Receive(0, 1, 2);
        Accept(0, 1, 2);

        Assert.That(checker.Verdict, Is.EqualTo(Three).And.Property(nameof(DeliveryVerdict.IsFlawless)).True);
        Assert.That(checker.Open, Is.Zero);
    }

    [Test]
    public void A_lost_line_is_found()
    {
        Receive(0, 2);
        Accept(0, 2);

        Assert.That(checker.Verdict, Is.EqualTo(Three with { Accepted = 2, Received = 2, Lost = 1 }));
    }

    [Test]
    public void A_repeated_line_is_found()
    {
        Receive(0, 1, 2);
        Accept(0, 1, 2);
        Receive(2);

        Assert.That(checker.Verdict, Is.EqualTo(Three with { Repeated = 1 }));
    }

    [Test]
    public void A_swap_is_found()
    {
        Receive(0, 2, 1);
        Accept(0, 1, 2);

        Assert.That(checker.Verdict, Is.EqualTo(Three with { OutOfOrder = 1 }));
    }

    [Test]
    public void A_swap_is_no_matter_where_no_order_is_promised()
    {
        checker = new DeliveryChecker(ordered: false);
        checker.Write();
        checker.Write();
        Receive(1, 0);
        Accept(1, 0);

        Assert.That(checker.Verdict.IsFlawless);
    }

    [Test]
    public void A_line_nobody_wrote_is_found()
    {
        Receive(0, 1, 2, 3);
        Accept(0, 1, 2);

        Assert.That(checker.Verdict, Is.EqualTo(Three with { Unknown = 1 }));
    }

    [Test]
    public void A_line_that_is_accepted_before_it_was_received_is_found()
    {
        Receive(0, 1);
        Accept(0, 1, 2);
        Receive(2);

        Assert.That(checker.Verdict, Has.Property(nameof(DeliveryVerdict.FalselyAccepted)).EqualTo(1));
    }

    [Test]
    public void A_write_that_never_completes_is_found()
    {
        Receive(0, 1, 2);
        Accept(0, 1);

        Assert.That(checker.Verdict, Is.EqualTo(Three with { Accepted = 2, Unanswered = 1 }));
        Assert.That(checker.Open, Is.EqualTo(1));
    }

    [Test]
    public void What_a_writer_had_not_kept_when_it_died_may_arrive_or_not()
    {
        checker.WriterCrashed(kept: [0]);
        Receive(0, 1);

        Assert.That(checker.Verdict, Is.EqualTo(Three with { Accepted = 0, Received = 2, GoneWithWriter = 1 }));
        Assert.That(checker.Open, Is.Zero, "no writer is left");
    }

    [Test]
    public void What_a_writer_had_kept_when_it_died_must_arrive()
    {
        checker.WriterCrashed(kept: [0, 1, 2]);
        Receive(0, 1);

        Assert.That(checker.Verdict, Has.Property(nameof(DeliveryVerdict.Lost)).EqualTo(1));
    }

    [Test]
    public void A_receiver_that_lost_its_memory_may_be_given_again_what_was_not_accepted_and_nothing_else()
    {
        Receive(0, 1);
        Accept(0);
        checker.ReceiverLostMemory();
        Receive(1, 2);
        Accept(1, 2);

        Assert.That(checker.Verdict, Is.EqualTo(Three with { Redelivered = 1 }).And.Property(nameof(DeliveryVerdict.IsFlawless)).True);

        Receive(0);
        Assert.That(checker.Verdict, Has.Property(nameof(DeliveryVerdict.Repeated)).EqualTo(1));
    }

    private void Receive(params long[] numbers) => Array.ForEach(numbers, checker.Received);

    private void Accept(params long[] numbers) => Array.ForEach(numbers, checker.Accepted);

    /// <summary>Its disk failed when it was to strike the line out.</summary>
    [Test]
    public void A_line_that_a_crashed_writer_holds_though_it_was_accepted_may_come_again_to_a_receiver_without_its_memory(
        [Values] bool receiverForgetsFirst, [Values] bool receiverForgets)
    {
        var line = checker.Write();
        Receive(0, 1, 2);
        Accept(0, 1, 2);
        checker.Received(line);
        checker.Accepted(line);
        if (receiverForgets && receiverForgetsFirst)
            checker.ReceiverLostMemory();
        checker.WriterCrashed([line]);
        if (receiverForgets && !receiverForgetsFirst)
            checker.ReceiverLostMemory();
        checker.Received(line);

        var expected = receiverForgets ? (1, 0) : (0, 1);
        Assert.That((checker.Verdict.Redelivered, checker.Verdict.Repeated), Is.EqualTo(expected));
        Assert.That((checker.Verdict.Unanswered, checker.Verdict.Lost, checker.Open), Is.EqualTo((0, 0, 0)));
    }
}
