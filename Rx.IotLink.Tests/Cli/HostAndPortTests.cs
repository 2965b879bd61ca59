using NUnit.Framework;
using Rx.IotLink.Cli;

namespace Rx.IotLink.Tests.Cli;

/// <summary>The ways to write where a server is.</summary>
[TestFixture]
internal sealed class HostAndPortTests
{
    [TestCase("pump.local", "pump.local", 8123)]
    [TestCase("pump.local:1", "pump.local", 1)]
    [TestCase("192.0.2.1:65535", "192.0.2.1", 65_535)]
    [TestCase("[::1]:9", "::1", 9)]
    [TestCase("[::1]", "::1", 8123)]
    [TestCase("2001:db8::7", "2001:db8::7", 8123)]
    [TestCase("::1", "::1", 8123)]
    public void A_host_with_or_without_a_port(string text, string host, int port) =>
        Assert.That(HostAndPort.Parse(text).Value, Is.EqualTo(new HostAndPort(host, port)));

    [TestCase("", "is not a host name or an address")]
    [TestCase(":8123", "is not a host name or an address")]
    [TestCase("a b", "is not a host name or an address")]
    [TestCase("[::1", "is not a host name or an address")]
    [TestCase("[::1]8123", "is not a host name or an address")]
    [TestCase("http://pump.local", "has a port that is not 1 to 65535")]
    [TestCase("pump.local:", "has a port that is not 1 to 65535")]
    [TestCase("pump.local:+1", "has a port that is not 1 to 65535")]
    [TestCase("pump.local:65536", "has a port that is not 1 to 65535")]
    [TestCase("[::1]:x", "has a port that is not 1 to 65535")]
    public void What_is_none_is_told(string text, string fault) => Assert.That(HostAndPort.Parse(text), Is.EqualTo(((HostAndPort?)null, fault)));
}
