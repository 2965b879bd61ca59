using System.Net.Security;
using System.Reactive.Linq;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using NUnit.Framework;
using Rx.IotLink.Server;

namespace Rx.IotLink.Tests.Security;

/// <summary>Links over TLS, and certificates that are not right.</summary>
[TestFixture]
internal sealed class TlsTests
{
    private Authority authority = null!;

    [OneTimeSetUp]
    public void MakeAuthority() => authority = new();

    [OneTimeTearDown]
    public void ReleaseAuthority() => authority.Dispose();

    [Test]
    public async Task Lines_go_both_ways()
    {
        await using var server = await ServeAsync();
        await using var client = Ends.Connect(server.EndPoint.Port, Trusting);
        await client.UpAsync();
        Assert.That(await Ends.WorksAsync(server, client), Is.True);
    }

    [Test]
    public async Task Observers_and_writers_that_block_hold_up_no_reading_at_either_end()
    {
        await using var server = await ServeAsync();
        await using var client = Ends.Connect(server.EndPoint.Port, Trusting);
        var link = await server.LinkAsync();
        using var released = new ManualResetEventSlim();
        var entered = new SemaphoreSlim(0);
        using var observing = link.Lines.Subscribe(_ => Block());
        var (first, second) = (WriteAndBlockAsync(link), WriteAndBlockAsync(link));
        var written = client.WriteAsync("its observer blocks");
        var down = client.LinesAsync(3);
        for (var blocked = 0; blocked < 3; blocked++)
            Assert.That(await entered.WaitAsync(Ends.Bound));

        await link.WriteAsync("its acknowledgement is read").WaitAsync(Ends.Bound);

        Assert.That(await down, Is.EqualTo(["its writer blocks", "its writer blocks", "its acknowledgement is read"]));
        released.Set();
        await Task.WhenAll(first, second, written).WaitAsync(Ends.Bound);

        async Task WriteAndBlockAsync(ILink to)
        {
            await to.WriteAsync("its writer blocks").ConfigureAwait(false);
            Block();
        }

        void Block()
        {
            entered.Release();
            released.Wait();
        }
    }

    [Test]
    public async Task Protocol_1_goes_over_TLS_too()
    {
        await using var server = await ServeAsync();
        await using var client = Ends.Connect(server.EndPoint.Port, options => Trusting(options) with { Protocol = 1 });
        await client.UpAsync();
        Assert.That(await Ends.WorksAsync(server, client), Is.True);
    }

    [Test]
    public async Task A_certificate_of_an_unknown_authority_is_reported_and_the_client_keeps_trying()
    {
        await using var server = await ServeAsync();
        await using var client = Ends.Connect(server.EndPoint.Port, options => options with { Tls = new() });
        await AssertRefusedCertificateAsync(client, server, "CN=server", "its issuer 'CN=test authority' is not trusted here");
    }

    [Test]
    public async Task A_certificate_for_another_name_is_reported_and_the_client_keeps_trying()
    {
        await using var server = await ServeAsync(tls => tls.ServerCertificate = authority.IssueServer("elsewhere", host: "elsewhere.example"));
        await using var client = Ends.Connect(server.EndPoint.Port, Trusting);
        await AssertRefusedCertificateAsync(client, server, "CN=elsewhere", "it is not for '127.0.0.1'");
    }

    [Test]
    public async Task A_certificate_for_the_name_that_was_asked_for_is_good()
    {
        await using var server = await ServeAsync(tls => tls.ServerCertificate = authority.IssueServer("elsewhere", host: "elsewhere.example"));
        await using var client = Ends.Connect(server.EndPoint.Port, options => options with { Tls = new() { TargetHost = "elsewhere.example", CertificateChainPolicy = authority.Policy() } });
        await client.UpAsync();
    }

    [Test]
    public async Task An_expired_certificate_is_reported_and_the_client_keeps_trying()
    {
        await using var server = await ServeAsync(tls => tls.ServerCertificate = authority.IssueServer("old", expired: true));
        await using var client = Ends.Connect(server.EndPoint.Port, Trusting);
        await AssertRefusedCertificateAsync(client, server, "CN=old", "it is valid only from ");
    }

    [Test]
    public async Task What_the_application_refuses_is_reported()
    {
        await using var server = await ServeAsync();
        await using var client = Ends.Connect(server.EndPoint.Port, options => options with { Tls = new() { RemoteCertificateValidationCallback = (_, _, _, _) => false } });
        await AssertRefusedCertificateAsync(client, server, "CN=server", "refused");
    }

    [Test]
    public async Task A_client_certificate_lets_in()
    {
        await using var server = await ServeAsync(AskForCertificates);
        await using var client = Ends.Connect(server.EndPoint.Port, options => Trusting(options, tls => tls.ClientCertificates = [authority.IssueClient()]));
        await client.UpAsync();
        Assert.That(await Ends.WorksAsync(server, client), Is.True);
    }

    [Test]
    public async Task A_missing_client_certificate_is_refused()
    {
        await using var server = await ServeAsync(AskForCertificates);
        var refusal = server.RefusalAsync();
        await using var client = Ends.Connect(server.EndPoint.Port, Trusting);
        Assert.That((await refusal).Refusal, Is.EqualTo(Refusal.Tls));
        Assert.That((await refusal).Detail, Does.Contain("presented no client certificate"));
        await AssertKeepsTryingAsync(client);
    }

    [TestCase(false, "its issuer 'CN=another authority' is not trusted here")]
    [TestCase(true, "it is valid only from ")]
    public async Task A_wrong_client_certificate_is_refused(bool expired, string told)
    {
        using var other = new Authority("another authority");
        await using var server = await ServeAsync(AskForCertificates);
        var refusal = server.RefusalAsync();
        await using var client = Ends.Connect(
            server.EndPoint.Port,
            options => Trusting(options, tls => tls.ClientCertificateContext = SslStreamCertificateContext.Create((expired ? authority : other).IssueClient("stranger", expired), [], offline: true)));
        Assert.That((await refusal).Refusal, Is.EqualTo(Refusal.Tls));
        Assert.That((await refusal).Detail, Does.StartWith("its certificate 'CN=stranger' was refused: ").And.Contains(told));
        Assert.That((await refusal).RemoteEndPoint, Is.Not.Null);
        await AssertKeepsTryingAsync(client);
        Assert.That(server.Counters.Openings, Is.LessThan(2), "places that failed handshakes keep");
    }

    [Test]
    public async Task A_plain_client_on_a_TLS_port_harms_only_itself()
    {
        await using var server = await ServeAsync();
        await using var good = Ends.Connect(server.EndPoint.Port, Trusting, id: "good");
        await good.UpAsync();
        var refusal = server.RefusalAsync();
        await using var plain = Ends.Connect(server.EndPoint.Port);
        Assert.That((await refusal).Refusal, Is.EqualTo(Refusal.Tls));
        await AssertKeepsTryingAsync(plain);
        Assert.That(await Ends.WorksAsync(server, good), Is.True);
        Assert.That(good.Counters.Outages, Is.Zero);
        Assert.That(server.Counters.Refused[Refusal.Tls], Is.Not.Zero);
    }

    [Test]
    public async Task A_TLS_client_on_a_plain_port_harms_only_itself()
    {
        await using var server = await Ends.ServeAsync();
        await using var good = Ends.Connect(server.EndPoint.Port, id: "good");
        await good.UpAsync();
        var refusal = server.RefusalAsync();
        await using var tls = Ends.Connect(server.EndPoint.Port, Trusting);
        Assert.That((await refusal).Refusal, Is.EqualTo(Refusal.Tls));
        Assert.That((await refusal).Detail, Is.EqualTo("it speaks TLS, which is not spoken on this port"));
        Assert.That((await tls.NoticeAsync(LinkNoticeKind.ConnectFailed)).Detail, Does.StartWith($"TLS with 127.0.0.1:{server.EndPoint.Port} failed: the server ended the handshake"));
        Assert.That(await Ends.WorksAsync(server, good), Is.True);
        Assert.That(good.Counters.Outages, Is.Zero);
    }

    [Test]
    public async Task Handshakes_are_limited()
    {
        await using var server = await ServeAsync(options: o => o with { MaxOpenings = 1 });
        var refusal = server.RefusalAsync();
        using var silent = new System.Net.Sockets.TcpClient();
        await silent.ConnectAsync(server.EndPoint);
        using var second = new System.Net.Sockets.TcpClient();
        await second.ConnectAsync(server.EndPoint);
        Assert.That((await refusal).Refusal, Is.EqualTo(Refusal.TooManyOpenings));
    }

    [Test]
    public async Task A_handshake_that_is_not_finished_in_time_is_ended([Values] bool saysSomething)
    {
        await using var server = await ServeAsync(tls => tls.HandshakeTimeout = TimeSpan.FromMilliseconds(300));
        var refusal = server.RefusalAsync();
        using var slow = new System.Net.Sockets.TcpClient();
        await slow.ConnectAsync(server.EndPoint);
        // The beginning of a ClientHello that never comes.
        if (saysSomething)
            await slow.GetStream().WriteAsync(new byte[] { 0x16, 0x03, 0x01, 0x02, 0x00, 0x01 });

        Assert.That(await slow.GetStream().ReadAsync(new byte[100]).AsTask().WaitAsync(Ends.Bound), Is.Zero, "FIN");

        Assert.That((await refusal).Refusal, Is.EqualTo(saysSomething ? Refusal.Tls : Refusal.OpeningTimeout));
    }

    private static void AssertOneSentence(string text) => Assert.That(text, Does.Not.Contain('\n').And.Not.Contains("inner exception"));

    private static async Task AssertKeepsTryingAsync(IotLinkClient client)
    {
        var first = await client.NoticeAsync(LinkNoticeKind.ConnectFailed);
        AssertOneSentence(first.Detail);
        await client.NoticeAsync(LinkNoticeKind.ConnectFailed);
        var state = await client.StateAsync(_ => true);
        Assert.That(state.Status, Is.EqualTo(LinkStatus.Connecting));
        await TestContext.Out.WriteLineAsync(first.Detail);
    }

    private static async Task AssertRefusedCertificateAsync(IotLinkClient client, IotLinkServer server, string certificate, string fault)
    {
        var told = (await client.NoticeAsync(LinkNoticeKind.ConnectFailed)).Detail;
        Assert.That(told, Does.StartWith($"TLS with 127.0.0.1:{server.EndPoint.Port} failed: the server's certificate '{certificate}' was refused: ").And.Contains(fault));
        AssertOneSentence(told);
        await AssertKeepsTryingAsync(client);
    }

    private void AskForCertificates(HttpsConnectionAdapterOptions tls)
    {
        tls.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
        tls.OnAuthenticate = (_, ssl) => ssl.CertificateChainPolicy = authority.Policy();
    }

    private IotLinkClientOptions Trusting(IotLinkClientOptions options) => Trusting(options, _ => { });

    private IotLinkClientOptions Trusting(IotLinkClientOptions options, Action<SslClientAuthenticationOptions> change)
    {
        var tls = new SslClientAuthenticationOptions { CertificateChainPolicy = authority.Policy() };
        change(tls);
        return options with { Tls = tls };
    }

    private Task<IotLinkServer> ServeAsync(Action<HttpsConnectionAdapterOptions>? change = null, Func<IotLinkServerOptions, IotLinkServerOptions>? options = null)
    {
        var tls = new HttpsConnectionAdapterOptions { ServerCertificate = authority.IssueServer() };
        change?.Invoke(tls);
        return Ends.ServeAsync(o => (options?.Invoke(o) ?? o) with { Tls = tls });
    }
}
