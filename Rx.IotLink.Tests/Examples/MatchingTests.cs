using NUnit.Framework;
using QuickStart.Outages;
using Rx.IotLink.Testing.Tcp;

namespace Rx.IotLink.Tests.Examples;

[TestFixture]
public sealed class MatchingTests
{
    [Test]
    public void Measures_from_the_fault_to_each_end_and_to_the_healing()
    {
        var finding = Match([Fault("a", 1_000)], [
            Up("a", End.Server, 10), Up("a", End.Device, 20),
            Down("a", End.Device, 1_001), Down("a", End.Server, 1_500), Up("a", End.Server, 2_000), Up("a", End.Device, 2_010)]).Single();

        Assert.That((finding.FoundByServer, finding.FoundByDevice, finding.Healed), Is.EqualTo((Ms(500), Ms(1), Ms(1_010))));
        Assert.That(finding.IsOutage);
    }

    [Test]
    public void A_fault_that_nobody_noticed_is_no_outage()
    {
        var finding = Match([Fault("a", 1_000)], [Up("a", End.Server, 10), Up("a", End.Device, 20)]).Single();

        Assert.That(finding.IsOutage, Is.False);
        Assert.That(finding.Healed, Is.Null);
    }

    [Test]
    public void An_outage_that_lasts_has_not_healed() =>
        Assert.That(Match([Fault("a", 1_000)], [Up("a", End.Server, 10), Up("a", End.Device, 20), Down("a", End.Server, 1_100)]).Single().Healed, Is.Null);

    [Test]
    public void Every_fault_has_its_own_outage()
    {
        var findings = Match([Fault("a", 1_000), Fault("a", 3_000)], [
            Up("a", End.Server, 10), Up("a", End.Device, 20),
            Down("a", End.Server, 1_100), Down("a", End.Device, 1_200), Up("a", End.Server, 2_000), Up("a", End.Device, 2_001),
            Down("a", End.Server, 3_300), Up("a", End.Server, 3_400)]);

        Assert.That(findings.Select(finding => finding.FoundByServer), Is.EqualTo(new TimeSpan?[] { Ms(100), Ms(300) }));
        Assert.That(findings.Select(finding => finding.FoundByDevice), Is.EqualTo(new TimeSpan?[] { Ms(200), null }));
        Assert.That(findings.Select(finding => finding.Healed), Is.EqualTo(new TimeSpan?[] { Ms(1_001), Ms(400) }));
    }

    [Test]
    public void Devices_are_not_mixed_up()
    {
        var findings = Match([Fault("a", 1_000), Fault("b", 1_001)], [
            Up("a", End.Server, 10), Up("a", End.Device, 20), Up("b", End.Server, 10), Up("b", End.Device, 20), Down("b", End.Server, 1_003)]);

        Assert.That(findings.Select(finding => (finding.Device, finding.FoundByServer)), Is.EquivalentTo(new (string, TimeSpan?)[] { ("a", null), ("b", Ms(2)) }));
    }

    [TestCase(true, TestName = "Before any fault")]
    [TestCase(false, TestName = "A second time after a fault")]
    public void An_outage_without_a_fault_is_distinguished(bool before)
    {
        var findings = before
            ? Match([], [Up("a", End.Server, 10), Down("a", End.Server, 500)])
            : Match([Fault("a", 1_000)], [Up("a", End.Server, 10), Down("a", End.Server, 1_001), Up("a", End.Server, 1_400), Down("a", End.Server, 1_900)]);

        Assert.That(findings.Count(finding => finding.Fault is null && finding.IsOutage), Is.EqualTo(1));
    }

    private static IReadOnlyList<Finding> Match(FaultRecord[] faults, Sight[] sights) => Matching.Match(faults, sights);

    private static FaultRecord Fault(string device, int at) => new(device, Ms(at), 1, new TcpFault.Kill());

    private static Sight Up(string device, End end, int at) => new(device, end, Ms(at), IsUp: true, "up");

    private static Sight Down(string device, End end, int at) => new(device, end, Ms(at), IsUp: false, "down");

    private static TimeSpan Ms(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);
}
