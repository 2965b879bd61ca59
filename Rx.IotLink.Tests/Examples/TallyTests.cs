using Examples.Common;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Examples;

/// <summary>The count that the examples judge by finds what it looks for.</summary>
public sealed class TallyTests
{
    [TestCase(new long[] { 0, 1, 2, 3 }, 0, 0, 0, 0)]
    [TestCase(new long[] { 0, 1, 2 }, 1, 0, 0, 0, TestName = "the last is lost")]
    [TestCase(new long[] { 0, 2, 3 }, 1, 0, 0, 0, TestName = "one between is lost")]
    [TestCase(new long[] { }, 4, 0, 0, 0, TestName = "all are lost")]
    [TestCase(new long[] { 0, 1, 1, 2, 3, 3 }, 0, 2, 0, 0, TestName = "repeated")]
    [TestCase(new long[] { 0, 3, 1, 2 }, 0, 0, 2, 0, TestName = "out of order")]
    [TestCase(new long[] { 0, 3, 1, 1, 2 }, 0, 1, 2, 0, TestName = "out of order, and repeated")]
    [TestCase(new long[] { 0, 1, 2, 3, 4, -1 }, 0, 0, 0, 2, TestName = "nobody wrote it")]
    public void Finds_what_is_lost_repeated_out_of_order_or_unknown(long[] received, int lost, int repeated, int outOfOrder, int unknown)
    {
        var tally = new Tally();
        for (var n = 0; n < 4; n++)
        {
            tally.Write();
            tally.Accept();
        }

        foreach (var number in received)
            tally.Receive(number);

        var sum = tally.Sum();
        Assert.That((sum.Lost, sum.Repeated, sum.OutOfOrder, sum.Unknown), Is.EqualTo((lost, repeated, outOfOrder, unknown)));
        Assert.That(sum.IsFlawless, Is.EqualTo(lost + repeated + outOfOrder + unknown == 0));
    }

    [Test]
    public void A_line_whose_acceptance_was_not_reported_is_a_flaw()
    {
        var tally = new Tally();
        tally.Receive(tally.Write());
        Assert.That(tally.Sum().IsFlawless, Is.False);
    }
}
