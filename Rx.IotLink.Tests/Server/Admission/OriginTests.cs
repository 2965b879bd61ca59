using System.Net;
using System.Net.Sockets;
using NUnit.Framework;
using Rx.IotLink.Server;

namespace Rx.IotLink.Tests.Server.Admission;

/// <summary>Who counts as one, where limits go by origin.</summary>
[TestFixture]
internal sealed class OriginTests
{
    [TestCase("203.0.113.7", "203.0.113.7", true)]
    [TestCase("203.0.113.7", "203.0.113.8", false)]
    [TestCase("203.0.113.7", "::ffff:203.0.113.7", true)]
    [TestCase("2001:db8:1:2::7", "2001:db8:1:2:ffff::1", true)]
    [TestCase("2001:db8:1:2::7", "2001:db8:1:3::7", false)]
    [TestCase("0.0.0.1", "::", false)]
    public void An_address_of_IPv4_or_a_network_of_IPv6_is_one_origin(string one, string other, bool same) =>
        Assert.That(Of(one) == Of(other), Is.EqualTo(same));

    [TestCase("203.0.113.7", "203.0.113.7")]
    [TestCase("2001:db8:1:2::7", "2001:db8:1:2::/64")]
    public void It_is_written_as_addresses_and_networks_are(string address, string written) => Assert.That(Of(address).ToString(), Is.EqualTo(written));

    [Test]
    public void What_has_no_address_has_no_origin() =>
        Assert.That((Origin.Of(null), Origin.Of(new UnixDomainSocketEndPoint("/a"))), Is.EqualTo(((Origin?)null, (Origin?)null)));

    private static Origin? Of(string address) => Origin.Of(new IPEndPoint(IPAddress.Parse(address), 8123));
}
