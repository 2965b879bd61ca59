using System.Net;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Cli;

/// <summary>The command behind a load balancer.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
internal sealed class ProxyTests
{
    [Test]
    public async Task From_a_trusted_proxy_a_header_must_come_and_from_others_none_may()
    {
        var (server, port) = await IotLinkProcess.ServeAsync("--bind", "127.0.0.1", "--proxy-from", "10.0.0.0/8", "--proxy-from", "127.0.0.1");
        await using var serving = server;
        using var through = await RawPeer.ConnectAsync(new(IPAddress.Loopback, port));
        await through.SayAsync("PROXY TCP4 203.0.113.7 10.0.0.1 40001 8123\r\nIOTLINK/2 id=pump-1 conn=1 epoch=1 tx=1 window=64 max=4000\n+0001there\n");
        Assert.That(await server.OutputAsync(1), Is.EqualTo(["pump-1\tthere"]));

        using var without = await RawPeer.ConnectAsync(new(IPAddress.Loopback, port), "pump-2");
        Assert.That(await server.EventAsync("does not begin with a PROXY header"), Does.Contain("refused"));
        if (!OperatingSystem.IsLinux())
            return;
        using var other = await RawPeer.ConnectAsync(new(IPAddress.Loopback, port), from: IPAddress.Parse("127.0.0.9"));
        await other.SayAsync("PROXY TCP4 203.0.113.7 10.0.0.1 40001 8123\r\npump-3\n");
        Assert.That(await server.EventAsync("it begins with a PROXY header"), Does.Contain("refused"));
    }

    [TestCase("0.0.0.0/0", "trusts every address")]
    [TestCase("balancer", "is neither an address nor a network (ADDRESS/BITS)")]
    [TestCase("10.0.0.7/8", "is an address within the network 10.0.0.0/8: give that, or the address alone")]
    [TestCase("10.0.0.0/33", "is neither an address nor a network (ADDRESS/BITS)")]
    [TestCase("::ffff:10.0.0.7", "is a network of IPv4 addresses written as IPv6")]
    public async Task What_is_no_network_is_told(string given, string fault)
    {
        await using var command = IotLinkProcess.Start("serve", "--port", "0", "--proxy-from", given);
        Assert.That(await command.ExitAsync(), Is.EqualTo(2));
        Assert.That(await IotLinkProcess.AllAsync(command.Events), Has.Some.Contains($"--proxy-from must be an address or a network, such as 10.0.0.7 or 10.0.0.0/24; '{given}' {fault}."));
    }
}
