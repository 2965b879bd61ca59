using System.IO.Pipelines;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Security;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Server;

/// <summary>A server behind a load balancer, which says by the PROXY protocol whose connection each is.</summary>
public sealed class ProxyTests : ServerTest
{
    // As HAProxy 2.6 sent them, with send-proxy, send-proxy-v2, and proxy-v2-options unique-id,crc32c.
    private const string Text4 = "50524f58592054435034203132372e302e302e31203132372e302e302e312033333237362034373130310d0a";
    private const string Text6 = "50524f58592054435036203a3a31203a3a312035323034382034373130330d0a";
    private const string Binary4 = "0d0a0d0a000d0a515549540a2111000c7f0000017f000001971cb7fe";
    private const string Binary6 = "0d0a0d0a000d0a515549540a2121002e00000000000000000000000000000001000000000000000000000000000000019852b8000300045d0e6f70050000";
    private const string HealthCheck = "0d0a0d0a000d0a515549540a20000000";
    private const string Unknown = "50524f585920554e4b4e4f574e0d0a";

    private static readonly IPAddress Balancer = IPAddress.Parse("127.0.0.9");
    private static readonly IPNetwork[] Trusted = [IPNetwork.Parse("127.0.0.9/32"), IPNetwork.Parse("2001:db8::/32")];

    private IotLinkServerOptions Options => ServerOptions with { TrustedProxies = Trusted };

    [TestCase(Text4, "127.0.0.1:33276")]
    [TestCase(Text6, "[::1]:52048")]
    [TestCase(Binary4, "127.0.0.1:38684")]
    [TestCase(Binary6, "[::1]:38994")]
    public async Task The_address_that_it_names_is_the_devices(string header, string named)
    {
        var server = await StartServerAsync(Options);
        var peer = await ConnectAsync(server, from: Balancer);
        await peer.SayAsync((byte[])[.. Convert.FromHexString(header), .. "pump-1\n"u8]);
        Assert.That(await peer.HearAsync(), Is.Empty, "a server's first line is a keepalive");
        Assert.That(server.GetConnections().Single().RemoteEndPoint!.ToString(), Is.EqualTo(named));
        var joined = (await Log.Entries.UntilAsync(all => all.Any(e => e.Id == 10))).Single(e => e.Id == 10);
        Assert.That(joined.Text, Does.EndWith($"from {named}"));
    }

    [TestCase(HealthCheck)]
    [TestCase(Unknown)]
    public async Task The_balancers_own_connection_comes_from_itself(string header)
    {
        var server = await StartServerAsync(Options);
        var peer = await ConnectAsync(server, from: Balancer);
        await peer.SayAsync((byte[])[.. Convert.FromHexString(header), .. "pump-1\n"u8]);
        Assert.That(await peer.HearAsync(), Is.Empty);
        Assert.That(server.GetConnections().Single().RemoteEndPoint, Is.EqualTo(peer.Address));
    }

    [TestCase(Text4)]
    [TestCase(Binary6)]
    public async Task It_may_come_a_byte_at_a_time(string header)
    {
        var server = await StartServerAsync(Options);
        var peer = await ConnectAsync(server, from: Balancer);
        foreach (var each in (byte[])[.. Convert.FromHexString(header), .. "pump-1\n"u8])
            await peer.SayAsync(new[] { each });
        Assert.That(await peer.HearAsync(), Is.Empty);
    }

    /// <summary>What is split on the wire may be joined by the time it is read; here it is not.</summary>
    [TestCase(Text4, "127.0.0.1:33276")]
    [TestCase(Binary6, "[::1]:38994")]
    public async Task Wherever_it_is_split_what_follows_is_the_connections(string header, string named)
    {
        var server = await StartServerAsync(Options);
        byte[] all = [.. Convert.FromHexString(header), .. "pump-1\n"u8];
        for (var at = 1; at < all.Length; at++)
        {
            var pipe = new Pipe(new(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline));
            var hearing = server.Proxies.HearAsync(pipe.Reader, new IPEndPoint(Balancer, 1)).AsTask();
            await pipe.Writer.WriteAsync(all.AsMemory(0, at));
            await pipe.Writer.WriteAsync(all.AsMemory(at));
            await pipe.Writer.CompleteAsync();
            Assert.That((await hearing.Within())!.ToString(), Is.EqualTo(named), $"split at {at}");
            Assert.That(Encoding.ASCII.GetString((await pipe.Reader.ReadAtLeastAsync(100)).Buffer.First.Span), Is.EqualTo("pump-1\n"), $"split at {at}");
        }
    }

    [TestCase("pump-1\n", "the connection comes from a trusted proxy, but does not begin with a PROXY header")]
    [TestCase("IOTLINK/2 id=pump-1 conn=1 epoch=1 tx=1 window=64 max=4000\n", "does not begin with a PROXY header")]
    [TestCase("PROXY TCP4 203.0.113.7 10.0.0.1 40001\r\npump-1\n", "is not 'PROXY TCP4|TCP6")]
    public async Task From_a_trusted_proxy_it_must_come_first(string said, string rule)
    {
        var server = await StartServerAsync(Options);
        var refusal = server.RefusalAsync();
        var peer = await ConnectAsync(server, from: Balancer);
        await peer.SayAsync(said);
        Assert.That(await peer.HearAsync(), Is.Null, "closed without a word");
        Assert.That((await refusal).Refusal, Is.EqualTo(Refusal.ProxyHeader));
        Assert.That((await refusal).Detail, Does.Contain(rule));
        Assert.That((await refusal).RemoteEndPoint, Is.EqualTo(peer.Address));
        Assert.That(server.Counters.Links, Is.Zero);
    }

    [Test]
    public async Task From_others_it_is_refused([Values(Text4, Text6, Binary4, HealthCheck, Unknown)] string header, [Values] bool tls, [Values] bool trustsNobody)
    {
        using var authority = new Authority();
        var options = tls ? Options with { Tls = new() { ServerCertificate = authority.IssueServer() } } : Options;
        var server = await StartServerAsync(trustsNobody ? options with { TrustedProxies = [] } : options);
        var refusal = server.RefusalAsync();
        var peer = await ConnectAsync(server, from: IPAddress.Loopback);
        await peer.SayAsync((byte[])[.. Convert.FromHexString(header), .. "pump-1\n"u8]);
        Assert.That(await peer.HearAsync(), Is.Null);
        Assert.That((await refusal).Refusal, Is.EqualTo(Refusal.ProxyHeader));
        Assert.That((await refusal).Detail, Is.EqualTo("it begins with a PROXY header, which must come from one of TrustedProxies, and once"));
        Assert.That((await refusal).RemoteEndPoint, Is.EqualTo(peer.Address), "not the one that it claims");
        Assert.That(server.Counters.Links, Is.Zero);
    }

    [TestCase(Text6)]
    [TestCase(Binary4)]
    public async Task A_second_header_is_refused(string second)
    {
        var server = await StartServerAsync(Options);
        var peer = await ConnectAsync(server, from: Balancer);
        await peer.SayAsync((byte[])[.. Convert.FromHexString(Text4), .. Convert.FromHexString(second), .. "pump-1\n"u8]);
        Assert.That(await peer.HearAsync(), Is.Null);
        Assert.That(server.Counters.Refused[Refusal.ProxyHeader], Is.EqualTo(1));
    }

    [TestCase("PROXY UNKNOWN ", "more than 107 bytes")]
    [TestCase("\r\n\r\n\0\r\nQUIT\n!\u0011\u007f\u007f", "of 32655 bytes, the limit is 2048")]
    public async Task One_without_an_end_is_refused_at_its_limit(string beginning, string rule)
    {
        var server = await StartServerAsync(Options);
        var refusal = server.RefusalAsync();
        var peer = await ConnectAsync(server, from: Balancer);
        await peer.SayAsync(beginning + new string('x', 107));
        Assert.That(await peer.HearAsync(), Is.Null);
        Assert.That((await refusal).Refusal, Is.EqualTo(Refusal.ProxyHeader));
        Assert.That((await refusal).Detail, Does.Contain(rule));
    }

    [Test]
    public async Task An_id_is_pinned_to_the_address_that_is_named()
    {
        var server = await StartServerAsync(Options with { PinAddresses = true });
        (await ThroughAsync(server, "203.0.113.7")).Reset();
        await Bound.EventuallyAsync(() => server.Find("pump-1") is Link { Serving: null });

        var other = await ThroughAsync(server, "203.0.113.8", joins: false);
        Assert.That(await other.HearAsync(), Is.Null);
        Assert.That(server.Counters.Refused[Refusal.OtherAddress], Is.EqualTo(1));
        await ThroughAsync(server, "203.0.113.7");
    }

    [Test]
    public async Task An_IPv4_address_in_IPv6_is_the_IPv4_address()
    {
        var server = await StartServerAsync(Options);
        await ThroughAsync(server, "::ffff:203.0.113.7");
        Assert.That(server.GetConnections().Single().RemoteEndPoint!.ToString(), Is.EqualTo("203.0.113.7:40001"));
    }

    /// <summary>A port of IPv6 and IPv4 has IPv4 addresses written as IPv6.</summary>
    [Test]
    public async Task A_proxy_is_trusted_on_a_port_of_both_families_too([Values] bool tls)
    {
        if (!System.Net.Sockets.Socket.OSSupportsIPv6)
            Assert.Ignore("there is no IPv6 here");
        using var authority = new Authority();
        var options = Options with { Bind = IPAddress.IPv6Any, TrustedProxies = [IPNetwork.Parse("127.0.0.1/32")] };
        var server = await StartServerAsync(tls ? options with { Tls = new() { ServerCertificate = authority.IssueServer() } } : options);
        var endPoint = new IPEndPoint(IPAddress.Loopback, server.EndPoint.Port);
        var header = "PROXY TCP4 203.0.113.7 10.0.0.1 40001 8123\r\n"u8.ToArray();
        if (tls)
        {
            using var peer = await TlsPeer.ConnectAsync(endPoint, authority, preface: header);
            await peer.OpenAsync("pump-1");
            Assert.That(await peer.HearAsync(), Does.StartWith("IOTLINK/2 ok "));
        }
        else
        {
            var peer = Own(await RawPeer.ConnectAsync(endPoint));
            await peer.SayAsync((byte[])[.. header, .. "pump-1\n"u8]);
            Assert.That(await peer.HearAsync(), Is.Empty);
        }

        Assert.That(server.GetConnections().Single().RemoteEndPoint!.ToString(), Is.EqualTo("203.0.113.7:40001"));
    }

    [TestCase("fe80::1%2", true)]
    [TestCase("fe80::1", true)]
    [TestCase("fec0::1", false)]
    [TestCase("10.0.0.255", true)]
    [TestCase("10.0.1.0", false)]
    public void A_network_is_trusted_with_all_its_addresses(string address, bool trusted)
    {
        var options = Options with { TrustedProxies = [IPNetwork.Parse("fe80::/10"), IPNetwork.Parse("10.0.0.0/24")] };
        Assert.That(options.IsTrustedProxy(new IPEndPoint(IPAddress.Parse(address), 1)), Is.EqualTo(trusted));
    }

    [Test]
    public async Task Limits_of_an_address_are_those_of_the_one_that_is_named()
    {
        var server = await StartServerAsync(Options with { MaxConnectionsPerAddress = 1 });
        await ThroughAsync(server, "203.0.113.7", "pump-1");
        await ThroughAsync(server, "203.0.113.8", "pump-2");
        var second = await ThroughAsync(server, "203.0.113.8", "pump-3", joins: false);
        Assert.That(await second.HearAsync(), Is.Null);
        Assert.That(server.Counters.Refused[Refusal.TooManyConnections], Is.EqualTo(1));
        await ThroughAsync(server, "203.0.113.9", "pump-4");
    }

    /// <summary>Of the sockets that the process can have, the strangers of one address have half at most.</summary>
    [Test]
    public async Task Sockets_count_for_the_address_that_is_named()
    {
        using var acceptor = SocketAcceptor.Listen(Options, mostOpen: 8, turnedAway: _ => { }, new ServerLog(Log.CreateLogger(""), Options.Scheduler));
        async Task<SocketConnection?> AcceptAsync(IPAddress from)
        {
            Own(await RawPeer.ConnectAsync(acceptor.EndPoint, from: from));
            return await acceptor.AcceptAsync().AsTask().Within() is { } accepted ? Own(acceptor.Open(accepted)!) : null;
        }

        var proxied = new List<SocketConnection>();
        for (var i = 0; i < 6; i++)
            proxied.Add((await AcceptAsync(Balancer))!);
        var client = IPEndPoint.Parse("203.0.113.7:1");
        Assert.That(proxied.Select(c => c.TryComeFor(client)), Is.EqualTo([true, true, true, true, false, false]));
        Assert.That(proxied.Select(c => c.RemoteEndPoint).Distinct().Count(), Is.EqualTo(3), "one client, and two that were not let in");
        Assert.That(proxied[4].TryComeFor(IPEndPoint.Parse("203.0.113.8:1")), Is.True);
        proxied[0].Dispose();
        proxied[0].Served();
        await proxied[0].Closed.Within();
        Assert.That(proxied[5].TryComeFor(client), Is.True, "one has left");
    }

    [TestCase("", "no PROXY header within 0.3 s")]
    [TestCase("PROXY TCP4 203", "no PROXY header within 0.3 s")]
    public async Task One_that_does_not_come_in_time_is_not_waited_for(string said, string detail)
    {
        var server = await StartServerAsync(Options with { OpeningTimeout = Short });
        var refusal = server.RefusalAsync();
        var peer = await ConnectAsync(server, from: Balancer);
        await peer.SayAsync(said);
        Assert.That(await peer.HearAsync(), Is.Null);
        Assert.That(((await refusal).Refusal, (await refusal).Detail), Is.EqualTo((Refusal.OpeningTimeout, detail)));
    }

    /// <summary>What balancers do to see whether the server is there.</summary>
    [Test]
    public async Task A_health_check_is_counted_and_nothing_else([Values("", HealthCheck, Unknown, Binary6)] string said, [Values] bool tls, [Values] bool resets)
    {
        using var authority = new Authority();
        var server = await StartServerAsync(tls ? Options with { Tls = new() { ServerCertificate = authority.IssueServer() } } : Options);
        var changes = server.Changes.Record();
        for (var check = 0; check < 50; check++)
        {
            var peer = await ConnectAsync(server, from: Balancer);
            await peer.SayAsync(Convert.FromHexString(said));
            // A reset may throw away what was said: it must have been heard.
            if (resets && said.Length > 0)
                await Bound.EventuallyAsync(() => server.Counters.Openings > 0);
            if (resets)
                peer.Reset();
            else
                peer.Dispose();
        }

        await Bound.EventuallyAsync(() => server.Counters is { SilentConnections: 50, Connections: 0, Openings: 0 });
        await server.StopAsync().Within();
        Assert.That(server.Counters.Refused.Values.Sum(), Is.Zero);
        Assert.That(Log.Entries.Values.Where(e => e.Level >= LogLevel.Warning && e.Id != 4).Select(e => e.Text), Is.Empty);
        Assert.That(changes.Values, Is.Empty);
    }

    /// <summary>
    /// Not for a trusted proxy alone: the checks of balancers that say nothing are no strangers' refusals.
    /// </summary>
    [Test]
    public async Task Nor_is_one_to_a_port_of_TLS([Values] bool resets)
    {
        using var authority = new Authority();
        var server = await StartServerAsync(ServerOptions with { Tls = new() { ServerCertificate = authority.IssueServer() } });
        for (var check = 0; check < 50; check++)
        {
            var peer = await ConnectAsync(server);
            if (resets)
                peer.Reset();
            else
                peer.Dispose();
        }

        await Bound.EventuallyAsync(() => server.Counters is { SilentConnections: 50, Openings: 0 });
        Assert.That(server.Counters.Refused.Values.Sum(), Is.Zero);
    }

    [Test]
    public async Task A_server_stops_though_a_header_does_not_come()
    {
        var server = await StartServerAsync(Options);
        var peer = await ConnectAsync(server, from: Balancer);
        await peer.SayAsync("PROXY ");
        await server.StopAsync().Within();
        Assert.That(server.Counters.Connections, Is.Zero);
    }

    [TestCase(Text4, "127.0.0.1:33276")]
    [TestCase(Binary6, "[::1]:38994")]
    public async Task Under_TLS_it_comes_before_the_handshake(string header, string named)
    {
        using var authority = new Authority();
        var server = await StartServerAsync(Options with { TrustedProxies = [IPNetwork.Parse("127.0.0.1/32")], Tls = new() { ServerCertificate = authority.IssueServer() } });
        using var peer = await TlsPeer.ConnectAsync(server.EndPoint, authority, preface: Convert.FromHexString(header));
        await peer.OpenAsync("pump-1");
        Assert.That(await peer.HearAsync(), Does.StartWith("IOTLINK/2 ok "));
        Assert.That(server.GetConnections().Single().RemoteEndPoint!.ToString(), Is.EqualTo(named));

        // A failed handshake is reported with that address as well; without a header there is none.
        var refusal = server.RefusalAsync();
        var plain = await ConnectAsync(server);
        await plain.SayAsync((byte[])[.. Convert.FromHexString(header), .. "pump-1\n"u8]);
        Assert.That(((await refusal).Refusal, (await refusal).RemoteEndPoint!.ToString()), Is.EqualTo((Refusal.Tls, named)));
        refusal = server.RefusalAsync();
        Assert.That(async () => await TlsPeer.ConnectAsync(server.EndPoint, authority), Throws.InstanceOf<IOException>());
        Assert.That((await refusal).Refusal, Is.EqualTo(Refusal.ProxyHeader));
    }

    [Test]
    public async Task On_endpoints_of_an_application_it_comes_first_too([Values] bool tls)
    {
        using var authority = new Authority();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.Services.AddIotLinkServer(configure: _ => Options with { TrustedProxies = [IPNetwork.Parse("127.0.0.1/32")], Listen = false });
        ListenOptions? endPoint = null;
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, endpoint =>
        {
            endPoint = endpoint;
            if (tls)
            {
                endpoint.UseProxyProtocol();
                endpoint.UseHttps(authority.IssueServer());
            }

            endpoint.UseIotLink();
        }));
        await using var app = builder.Build();
        await app.StartAsync().Within();
        var server = app.Services.GetRequiredService<IotLinkServer>();
        var header = Convert.FromHexString(Binary4);
        if (tls)
        {
            using var peer = await TlsPeer.ConnectAsync(endPoint!.IPEndPoint!, authority, preface: header);
            await peer.OpenAsync("pump-1");
            Assert.That(await peer.HearAsync(), Does.StartWith("IOTLINK/2 ok "));
        }
        else
        {
            var peer = Own(await RawPeer.ConnectAsync(endPoint!.IPEndPoint!));
            await peer.SayAsync((byte[])[.. header, .. "pump-1\n"u8]);
            Assert.That(await peer.HearAsync(), Is.Empty);
        }

        Assert.That(server.GetConnections().Single().RemoteEndPoint!.ToString(), Is.EqualTo("127.0.0.1:38684"));
        var without = Own(await RawPeer.ConnectAsync(endPoint.IPEndPoint!, "pump-2"));
        Assert.That(await without.HearAsync(), Is.Null);
        Assert.That(server.Counters.Refused[Refusal.ProxyHeader], Is.EqualTo(1));
    }

    /// <summary>Else the client behind the balancer could write the header, inside of TLS.</summary>
    [Test]
    public async Task Inside_of_TLS_there_is_none()
    {
        using var authority = new Authority();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.Services.AddIotLinkServer(configure: _ => Options with { TrustedProxies = [IPNetwork.Parse("127.0.0.1/32")], Listen = false });
        ListenOptions? endPoint = null;
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, endpoint =>
        {
            endPoint = endpoint;
            endpoint.UseHttps(authority.IssueServer());
            endpoint.UseIotLink();
        }));
        await using var app = builder.Build();
        await app.StartAsync().Within();
        var server = app.Services.GetRequiredService<IotLinkServer>();
        var refusal = server.RefusalAsync();
        using var peer = await TlsPeer.ConnectAsync(endPoint!.IPEndPoint!, authority);
        await peer.SayAsync("PROXY TCP4 203.0.113.7 10.0.0.1 40001 8123\r");
        Assert.That(await peer.HearAsync(), Is.Null);
        Assert.That(((await refusal).Refusal, (await refusal).Detail), Is.EqualTo((Refusal.ProxyHeader, "its endpoint must call UseProxyProtocol before UseHttps")));
    }

    [Test]
    public async Task A_connection_that_is_reset_in_its_header_harms_nothing()
    {
        var server = await StartServerAsync(Options);
        for (var i = 0; i < 50; i++)
        {
            var peer = await ConnectAsync(server, from: Balancer);
            await peer.SayAsync("PROXY TCP4");
            peer.Reset();
        }

        await Bound.EventuallyAsync(() => server.Counters.Refused[Refusal.NoId] + server.Counters.SilentConnections == 50);
        await ThroughAsync(server, "203.0.113.7");
        await server.StopAsync().Within();
    }

    private async Task<RawPeer> ThroughAsync(IotLinkServer server, string client, string id = "pump-1", bool joins = true)
    {
        var peer = await ConnectAsync(server, from: Balancer);
        await peer.SayAsync($"PROXY TCP{(client.Contains(':', StringComparison.Ordinal) ? "6 " : "4 ")}{client} {(client.Contains(':', StringComparison.Ordinal) ? "::1" : "10.0.0.1")} 40001 8123\r\n{id}\n");
        if (joins)
            Assert.That(await peer.HearAsync(), Is.Empty);
        return peer;
    }
}
