using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Reactive.Linq;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Security;

/// <summary>Outages, resuming and the end of links, with TLS and without.</summary>
[TestFixture(true)]
[TestFixture(false)]
internal sealed class SecureOutageTests(bool secure)
{
    private Authority authority = null!;

    [OneTimeSetUp]
    public void MakeAuthority() => authority = new();

    [OneTimeTearDown]
    public void ReleaseAuthority() => authority.Dispose();

    [Test]
    public async Task A_cut_is_an_outage_and_the_session_resumes()
    {
        await using var server = await ServeAsync();
        await using var network = new BadNetwork(server.EndPoint.Port);
        await using var client = Connect(network.Port);
        await client.UpAsync();
        var link = await server.LinkAsync();
        var (there, back) = (link.LinesAsync(300), client.LinesAsync(300));
        var writing = new List<Task>();
        for (var i = 0; i < 300; i++)
        {
            writing.Add(client.WriteAsync($"there {i}"));
            writing.Add(link.WriteAsync($"back {i}"));
            if (i % 100 != 50)
                continue;
            var down = client.StateAsync(s => s.Status == LinkStatus.Down);
            network.Cut();
            await down;
            await client.UpAsync();
        }

        await Task.WhenAll(writing).WaitAsync(Ends.Bound);
        Assert.That(await there, Is.EqualTo(Enumerable.Range(0, 300).Select(i => $"there {i}")));
        Assert.That(await back, Is.EqualTo(Enumerable.Range(0, 300).Select(i => $"back {i}")));
        Assert.That(client.Counters.Outages, Is.EqualTo(3));
    }

    [Test]
    public async Task A_peer_that_takes_nothing_ends_both_loops()
    {
        const int Lines = 16;
        var big = new string('x', 1_000_000);
        await using var server = await ServeAsync(options => options with { MaxLineBytes = 1_000_000, Timeout = TimeSpan.FromSeconds(3) });
        await using var network = new BadNetwork(server.EndPoint.Port);
        await using var client = Connect(network.Port, options => options with { MaxLineBytes = 1_000_000 });
        await client.UpAsync();
        var link = await server.LinkAsync();
        var received = link.LinesAsync(Lines);

        // More than the buffers of the sockets hold, so that a send and a read are under way when silence ends the
        // connection.
        var down = client.StateAsync(s => s.Status == LinkStatus.Down);
        network.Stall();
        var writing = Enumerable.Range(0, Lines).Select(i => client.WriteAsync($"{i:d2}{big[2..]}")).ToList();
        Assert.That((await down).Outage!.Reason, Is.EqualTo(OutageReason.Silence));
        network.Heal();
        await Task.WhenAll(writing).WaitAsync(Ends.Bound);
        Assert.That((await received).Select(l => l[..2]), Is.EqualTo(Enumerable.Range(0, Lines).Select(i => $"{i:d2}")));
    }

    [Test]
    public async Task A_client_that_closes_says_so()
    {
        await using var server = await ServeAsync();
        var client = Connect(server.EndPoint.Port);
        await client.UpAsync();
        var link = await server.LinkAsync();
        await link.UpAsync();
        await client.DisposeAsync();
        Assert.That((await link.StateAsync(s => s.Status == LinkStatus.Down)).Outage!.Reason, Is.EqualTo(OutageReason.PeerLeft));
    }

    [Test]
    public async Task A_server_that_stops_says_so()
    {
        var server = await ServeAsync();
        await using var client = Connect(server.EndPoint.Port);
        await client.UpAsync();
        var down = client.StateAsync(s => s.Status == LinkStatus.Down);
        await server.DisposeAsync().AsTask().WaitAsync(Ends.Bound);
        Assert.That((await down).Outage!.Reason, Is.EqualTo(OutageReason.PeerLeft));
    }

    [Test]
    public async Task Disposing_a_connection_ends_a_read_and_a_write()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var certificate = authority.IssueServer();
        var accepting = AcceptAsync(listener, certificate);
        var transport = new TcpTransport("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port, secure ? Trust() : null);
        var connection = await transport.Connect().Timeout(Ends.Bound);
        await using var peer = await accepting.WaitAsync(Ends.Bound);

        var reading = connection.Input.ReadAsync().AsTask();
        var writing = connection.Output.WriteAsync(new byte[32_000_000]).AsTask();
        Assert.That((reading.IsCompleted, writing.IsCompleted), Is.EqualTo((false, false)));
        connection.Dispose();
        Assert.That(async () => await writing.WaitAsync(Ends.Bound), Throws.Exception.Not.InstanceOf<TimeoutException>());
        Assert.That(async () => (await reading.WaitAsync(Ends.Bound)).IsCompleted ? throw new IOException("ended") : 0, Throws.Exception.Not.InstanceOf<TimeoutException>());
    }

    private async Task<Stream> AcceptAsync(TcpListener listener, System.Security.Cryptography.X509Certificates.X509Certificate2 certificate)
    {
        var stream = (await listener.AcceptTcpClientAsync()).GetStream();
        if (!secure)
            return stream;
        var ssl = new SslStream(stream);
        await ssl.AuthenticateAsServerAsync(certificate);
        return ssl;
    }

    private SslClientAuthenticationOptions Trust() => new() { CertificateChainPolicy = authority.Policy() };

    private IotLinkClient Connect(int port, Func<IotLinkClientOptions, IotLinkClientOptions>? change = null) =>
        Ends.Connect(port, options => (change?.Invoke(options) ?? options) with { Tls = secure ? Trust() : null });

    private Task<IotLinkServer> ServeAsync(Func<IotLinkServerOptions, IotLinkServerOptions>? change = null)
    {
        var tls = secure ? new HttpsConnectionAdapterOptions { ServerCertificate = authority.IssueServer() } : null;
        return Ends.ServeAsync(options => (change?.Invoke(options) ?? options) with { Tls = tls });
    }
}
