using System.IO.Pipelines;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol.Linking;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Security;

/// <summary>A certificate that expires while its link is up ends the connection, to the tick.</summary>
[TestFixture]
internal sealed class CertificateExpiryTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Tick = TimeSpan.FromTicks(1);

    private Authority authority = null!;

    [OneTimeSetUp]
    public void MakeAuthority() => authority = new();

    [OneTimeTearDown]
    public void ReleaseAuthority() => authority.Dispose();

    [Test]
    public void It_ends_the_connection_and_says_why()
    {
        using var bench = new ServerBench();
        var device = Arrive(bench, authority.IssueClient(), before: Second);
        var link = bench.Server.Find("pump-1")!;
        var states = new List<LinkState>();
        using var watching = link.State.Subscribe(states.Add);
        device.Take();

        bench.Run(Second - Tick - TimeSpan.FromMilliseconds(1));
        Assert.That(device.IsEnded, Is.False);
        bench.Run(2 * Tick);

        Assert.That(string.Concat(device.Take()), Does.EndWith("!bye certificate expired\n"));
        Assert.That(device.IsEnded, Is.True);
        Assert.That(states[^1].Outage!.Reason, Is.EqualTo(OutageReason.CertificateExpired));
        Assert.That(states[^1].Outage!.Detail, Does.StartWith("the certificate that it has presented was good until 20"));
    }

    [Test]
    public void One_that_has_expired_during_the_opening_serves_nobody()
    {
        using var bench = new ServerBench();
        var device = Arrive(bench, authority.IssueClient(), before: -Second);

        Assert.That(string.Concat(device.Take()), Does.EndWith("!bye certificate expired\n"));
        Assert.That(device.IsEnded, Is.True);
    }

    [Test]
    public void The_next_connection_has_its_own_certificate()
    {
        using var bench = new ServerBench();
        var first = Arrive(bench, authority.IssueClient(), before: Second);
        first.Reset();
        var second = Connect(bench, authority.IssueClient(goodFor: TimeSpan.FromDays(800)));
        bench.Run(TimeSpan.FromMilliseconds(1_200));

        Assert.That(second.Take()[0], Does.StartWith("IOTLINK/2 ok "));
        Assert.That(second.IsEnded, Is.False);
    }

    /// <summary>In real time, with a real handshake.</summary>
    [Test]
    public async Task Over_TLS_it_ends_the_connection_too()
    {
        await using var server = await Ends.ServeAsync(o => o with
        {
            Tls = new()
            {
                ServerCertificate = authority.IssueServer(),
                ClientCertificateMode = ClientCertificateMode.RequireCertificate,
                OnAuthenticate = (_, ssl) => ssl.CertificateChainPolicy = authority.Policy(),
            },
        });
        using var device = await TlsPeer.ConnectAsync(server.EndPoint, authority, authority.IssueClient(goodFor: TimeSpan.FromSeconds(3)));
        await device.OpenAsync("pump-1");
        Assert.That(await device.HearAsync(), Does.StartWith("IOTLINK/2 ok "));

        Assert.That(await device.HearToEndAsync(), Does.EndWith("!bye certificate expired\n"));
        Assert.That((await (await server.LinkAsync()).StateAsync(s => s.Outage is not null)).Outage!.Reason, Is.EqualTo(OutageReason.CertificateExpired));
    }

    /// <summary>A device comes so long before its certificate expires.</summary>
    private static ScriptedPeer Arrive(ServerBench bench, X509Certificate2 certificate, TimeSpan before)
    {
        bench.Scheduler.AdvanceTo(certificate.NotAfter.ToUniversalTime().Ticks - before.Ticks);
        return Connect(bench, certificate);
    }

    private static ScriptedPeer Connect(ServerBench bench, X509Certificate2 certificate)
    {
        var peer = new ScriptedPeer(() => bench.Scheduler.Clock);
        _ = bench.Server.ServeAsync(new Certified(peer, certificate));
        peer.Say(ServerBench.Opening("00000000000000aa") + "\n");
        bench.Run(TimeSpan.FromMilliseconds(1));
        return peer;
    }

    /// <summary>A connection whose client has presented a certificate.</summary>
    private sealed class Certified(IConnection inner, X509Certificate2 certificate) : IConnection, ICertifiedConnection
    {
        public PipeReader Input => inner.Input;

        public PipeWriter Output => inner.Output;

        public EndPoint? RemoteEndPoint => inner.RemoteEndPoint;

        public X509Certificate2 ClientCertificate => certificate;

        public void Dispose() => inner.Dispose();
    }
}
