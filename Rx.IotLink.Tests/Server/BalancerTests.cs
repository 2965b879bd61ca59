using System.Net;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Security;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Server;

/// <summary>A server behind real load balancers, set up as docs/load-balancer.md says.</summary>
[Platform("Linux", Reason = "the balancer and the devices have addresses of loopback of their own")]
public sealed class BalancerTests : ServerTest
{
    private const string Nginx = "nginx";

    private IotLinkServerOptions Options => ServerOptions with { TrustedProxies = [new IPNetwork(Balancer.Address, 32)] };

    [Test]
    public async Task Each_device_has_its_own_address([Values("send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options unique-id,crc32c", Nginx)] string says)
    {
        var server = await StartServerAsync(Options);
        var balancer = await StartAsync(server, says);
        foreach (var from in new[] { "127.0.0.7", "127.0.0.8" })
        {
            var peer = Own(await RawPeer.ConnectAsync(balancer.EndPoint, $"of-{from}", IPAddress.Parse(from)));
            Assert.That(await peer.HearAsync(), Is.Empty, "a server's first line is a keepalive");
            Assert.That(server.GetConnections().Single(c => c.Id == $"of-{from}").RemoteEndPoint, Is.EqualTo(peer.Address));
            await Log.Entries.UntilAsync(all => all.Any(e => e.Id == 10 && e.Text.EndsWith($"from {peer.Address}", StringComparison.Ordinal)));
        }
    }

    [Test]
    public async Task TLS_ends_at_the_server([Values("send-proxy", "send-proxy-v2", Nginx)] string says)
    {
        using var authority = new Authority();
        var server = await StartServerAsync(Options with { Tls = new() { ServerCertificate = authority.IssueServer() } });
        var balancer = await StartAsync(server, says);
        using var peer = await TlsPeer.ConnectAsync(balancer.EndPoint, authority);
        await peer.OpenAsync("pump-1");
        Assert.That(await peer.HearAsync(), Does.StartWith("IOTLINK/2 ok "));
        Assert.That(server.GetConnections().Single().RemoteEndPoint, Is.EqualTo(SocketConnection.Plain(peer.Address)));
    }

    [Test]
    public async Task A_link_goes_through_and_outlives_its_balancer([Values("send-proxy-v2", Nginx)] string says)
    {
        var server = await StartServerAsync(Options);
        var balancer = await StartAsync(server, says);
        var client = StartClient(ClientOptions(balancer.EndPoint));
        var link = await server.WaitForAsync("1").Within();
        var heard = link.Lines.Record();
        await client.WriteAsync("before").Within();
        await balancer.DisposeAsync();
        var written = client.WriteAsync("meanwhile");
        var again = await StartAsync(server, says, balancer.EndPoint.Port);
        Assert.That(again.EndPoint, Is.EqualTo(balancer.EndPoint));
        await written.Within();
        await heard.UntilAsync(all => all.Count == 2);
        Assert.That(heard.Values, Is.EqualTo(["before", "meanwhile"]));
    }

    /// <summary>With a header. Without one, HAProxy ends a check before it can be accepted.</summary>
    [Test]
    public async Task Its_health_checks_are_counted_and_nothing_else([Values("send-proxy", "send-proxy-v2")] string says, [Values] bool tls)
    {
        using var authority = new Authority();
        var server = await StartServerAsync(tls ? Options with { Tls = new() { ServerCertificate = authority.IssueServer() } } : Options);
        await StartAsync(server, says + " check inter 50ms");
        await Bound.EventuallyAsync(() => server.Counters.SilentConnections >= 10);
        Assert.That(server.Counters.Refused.Values.Sum(), Is.Zero);
        Assert.That(Log.Entries.Values.Where(e => e.Level >= LogLevel.Warning && e.Id != 4).Select(e => e.Text), Is.Empty);
    }

    [Test]
    public async Task One_that_says_nothing_of_its_clients_is_refused_and_the_log_says_why()
    {
        var server = await StartServerAsync(Options);
        var balancer = await StartAsync(server, "");
        var peer = Own(await RawPeer.ConnectAsync(balancer.EndPoint, "pump-1"));
        await peer.EndAsync(CancellationToken.None).Within();
        var refused = (await Log.Entries.UntilAsync(all => all.Any(e => e.Id == 13))).First(e => e.Id == 13).Text;
        Assert.That(refused, Does.Match($"^Refused a connection from {Balancer.Address}:[0-9]+, id '': ProxyHeader, the connection comes from a trusted proxy, but does not begin with a PROXY header$"));
        Assert.That(server.Counters.Links, Is.Zero);
    }

    [Test]
    public async Task One_that_is_not_trusted_is_refused_and_the_log_says_why([Values("send-proxy", "send-proxy-v2", Nginx)] string says, [Values] bool tls)
    {
        using var authority = new Authority();
        var options = tls ? ServerOptions with { Tls = new() { ServerCertificate = authority.IssueServer() } } : ServerOptions;
        var server = await StartServerAsync(options);
        var balancer = await StartAsync(server, says);
        var peer = Own(await RawPeer.ConnectAsync(balancer.EndPoint, "pump-1"));
        await peer.EndAsync(CancellationToken.None).Within();
        var refused = (await Log.Entries.UntilAsync(all => all.Any(e => e.Id == 13))).First(e => e.Id == 13).Text;
        Assert.That(refused, Does.Match($"^Refused a connection from {Balancer.Address}:[0-9]+, id '': ProxyHeader, it begins with a PROXY header, which must come from one of TrustedProxies, and once$"));
        Assert.That(server.Counters.Links, Is.Zero);
    }

    /// <summary>All come from the balancer's address; the limits of one are those of the address behind it.</summary>
    [Test]
    public async Task One_address_behind_it_locks_out_no_other([Values("send-proxy-v2", Nginx)] string says)
    {
        var server = await StartServerAsync(Options with { MaxOpenings = 20, MaxConnectionsPerAddress = 5 });
        var balancer = await StartAsync(server, says);
        for (var i = 0; i < 100; i++)
        {
            var half = Own(await RawPeer.ConnectAsync(balancer.EndPoint, from: IPAddress.Parse("127.0.0.7")));
            await half.SayAsync("half");
        }

        await Bound.EventuallyAsync(() => server.Counters.Refused[Refusal.TooManyOpenings] >= 80);
        var other = Own(await RawPeer.ConnectAsync(balancer.EndPoint, "pump-1", IPAddress.Parse("127.0.0.8")));
        Assert.That(await other.HearAsync(), Is.Empty);
    }

    private async Task<Balancer> StartAsync(IotLinkServer server, string says, int? port = null) =>
        Own(says == Nginx ? await Balancer.NginxAsync(server.EndPoint, port) : await Balancer.HaProxyAsync(server.EndPoint, says, port));
}
