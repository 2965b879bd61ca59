using NUnit.Framework;
using Rx.IotLink.Server;

namespace Rx.IotLink.Tests.House;

/// <summary>docs/troubleshooting.md lists every reason, notice and refusal.</summary>
public sealed class TroubleshootingTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "troubleshooting.md"));

    [Test]
    public void Each_reason_of_an_outage_is_there() => AssertThere<OutageReason>();

    [Test]
    public void Each_notice_is_there() => AssertThere<LinkNoticeKind>();

    [Test]
    public void Each_refusal_is_there() => AssertThere<Refusal>();

    private static void AssertThere<T>()
        where T : struct, Enum => Assert.That(Enum.GetNames<T>().Where(name => !Page.Contains($"`{name}`", StringComparison.Ordinal)), Is.Empty);
}
