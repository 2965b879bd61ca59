using NUnit.Framework;

namespace Rx.IotLink.Tests.Simulation;

/// <summary>The checker must find what it is there to find.</summary>
public sealed class DeliveryCheckerTests
{
    [Test]
    public void A_faultless_history_is_good() =>
        Assert.That(DeliveryVerdict.Of([1, 2, 3], [1, 2, 3], [1, 2, 3]), Is.EqualTo(DeliveryVerdict.Good));

    [Test]
    public void A_lost_line_is_found() =>
        Assert.That(DeliveryVerdict.Of([1, 2, 3], [1, 3], [1, 3]), Is.EqualTo(DeliveryVerdict.Good with { Lost = 1 }));

    [Test]
    public void A_repeated_line_is_found() =>
        Assert.That(DeliveryVerdict.Of([1, 2], [1, 2], [1, 2, 1]), Is.EqualTo(DeliveryVerdict.Good with { Repeated = 1 }));

    [Test]
    public void A_swap_is_found() =>
        Assert.That(DeliveryVerdict.Of([1, 2, 3], [1, 2, 3], [1, 3, 2]), Is.EqualTo(DeliveryVerdict.Good with { OutOfOrder = 1 }));

    [Test]
    public void A_line_accepted_but_never_received_is_found() =>
        Assert.That(DeliveryVerdict.Of([1, 2], [1, 2], [1]), Is.EqualTo(DeliveryVerdict.Good with { Lost = 1, AcceptedNotReceived = 1 }));
}
