using NUnit.Framework;
using Rx.IotLink.Tests.House;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>The conformance vectors of protocol 2: see Vectors/README.md.</summary>
public sealed class VectorTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "Rx.IotLink.Tests", "Protocol2", "Vectors");

    public static IEnumerable<TestCaseData> Vectors =>
        Directory.GetFiles(Folder, "*.txt").Order(StringComparer.Ordinal).Select(f => new TestCaseData(f).SetArgDisplayNames(Path.GetFileNameWithoutExtension(f)));

    [TestCaseSource(nameof(Vectors))]
    public void Vector(string file) => VectorRun.Of(File.ReadAllLines(file));

    [Test]
    public void There_are_at_least_forty() => Assert.That(Vectors.Count(), Is.GreaterThanOrEqualTo(40));

    [TestCase("> IOTLINK/2 something else", TestName = "A_wrong_line_is_found")]
    [TestCase("event opened", TestName = "An_event_that_did_not_happen_is_found")]
    [TestCase("", TestName = "A_line_that_nobody_expected_is_found")]
    public void A_runner_that_finds_nothing_is_worth_nothing(string expectation) =>
        Assert.That(() => VectorRun.Of(["# t", "role client", "id a", "random 0102030405060708", "connect", expectation]), Throws.InstanceOf<VectorFailedException>());
}
