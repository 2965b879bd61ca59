using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using NUnit.Framework;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;
using Refusal = Rx.IotLink.Server.Refusal;

namespace Rx.IotLink.Tests.Security;

/// <summary>A client's certificate speaks for the ids that it names, and for no other.</summary>
[TestFixture]
internal sealed class CertificateIdTests
{
    private const string WrongKey = "IOTLINK/2 no code=auth\n";
    private const string Secret = "Login failed for user 'sa'. Password=hunter2";

    private Authority authority = null!;

    [OneTimeSetUp]
    public void MakeAuthority() => authority = new();

    [OneTimeTearDown]
    public void ReleaseAuthority() => authority.Dispose();

    [Test]
    public async Task A_certificate_of_another_id_is_refused_as_a_wrong_key_is()
    {
        var log = new TestLog();
        await using var server = await ServeAsync(o => o with { LoggerFactory = log });
        using var device = await ConnectAsync(server, "pump-1");
        await device.OpenAsync("pump-1");
        Assert.That(await device.HearAsync(), Does.StartWith("IOTLINK/2 ok "));
        var refusal = server.RefusalAsync();

        using var stranger = await ConnectAsync(server, "dev1\n[Error] forged");
        await stranger.OpenAsync("pump-1", " peer=1 rx=0");
        Assert.That(await stranger.HearToEndAsync(), Is.EqualTo(WrongKey));

        Assert.That((await refusal).Refusal, Is.EqualTo(Refusal.Certificate));
        Assert.That((await refusal).Detail, Does.Contain("is not of this id").And.Not.Contain("\n"));
        Assert.That(server.Counters.Refused[Refusal.Certificate], Is.EqualTo(1));
        await Bound.EventuallyAsync(() => log.Entries.Values.Any(e => e.Id == 13 && e.Text.Contains("is not of this id", StringComparison.Ordinal)));
        await device.SayAsync("+0001still here");
        Assert.That(await (await server.LinkAsync()).ReadLineAsync().WaitAsync(Ends.Bound), Is.EqualTo("still here"));
    }

    [Test]
    public async Task It_displaces_no_device_even_by_the_name_of_its_memory()
    {
        await using var server = await ServeAsync();
        using var device = await ConnectAsync(server, "pump-1");
        await device.OpenAsync("pump-1");
        Assert.That(await device.HearAsync(), Does.StartWith("IOTLINK/2 ok "));

        using var stranger = await ConnectAsync(server, "dev1");
        await stranger.SayAsync($"IOTLINK/2 id=pump-1 conn={ulong.MaxValue} epoch=1 tx=1 window=64 max=4000");
        Assert.That(await stranger.HearToEndAsync(), Is.EqualTo(WrongKey));

        await device.SayAsync("+0001still here");
        Assert.That(await (await server.LinkAsync()).ReadLineAsync().WaitAsync(Ends.Bound), Is.EqualTo("still here"));
        Assert.That(await device.HearAsync(), Is.EqualTo("=0001"), "and no farewell before");
    }

    [Test]
    public async Task An_unknown_id_gets_the_same_answer_and_no_link([Values("pump-1", "nobody")] string id)
    {
        await using var server = await ServeAsync(o => o with { Expected = ["pump-1"], UnknownIds = UnknownIdPolicy.Refuse });
        using var stranger = await ConnectAsync(server, "dev1");
        await stranger.OpenAsync(id);
        Assert.That(await stranger.HearToEndAsync(), Is.EqualTo(WrongKey));
        Assert.That(server.Find(id), Is.Null);
    }

    [Test]
    public async Task Over_protocol_1_it_is_closed_without_a_word()
    {
        await using var server = await ServeAsync();
        using var stranger = await ConnectAsync(server, "dev1");
        await stranger.SayAsync("pump-1");
        Assert.That(await stranger.HearToEndAsync(), Is.Empty);
        Assert.That(server.Counters.Refused[Refusal.Certificate], Is.EqualTo(1));
    }

    [Test]
    public async Task The_right_key_does_not_help_a_certificate_of_another_id()
    {
        var keys = DeviceKeys.Parse([$"pump-1 {DeviceKeys.NewKey()}"]);
        await using var server = await ServeAsync(o => o with { KeyOf = keys.Find });
        using var stranger = await ConnectAsync(server, "dev1");
        const string More = " auth=hmac-sha256 nonce=00000000000000000000000000000000";
        await stranger.OpenAsync("pump-1", More);
        var challenge = Tokens.Parse((await stranger.HearAsync())!);
        var mac = Proof.OfClient(keys.Find("pump-1")!.Value.Span, $"IOTLINK/2 id=pump-1 conn=1 epoch=1 tx=1 window=64 max=4000{More}", challenge.LineWithout("mac"));
        await stranger.SayAsync($"IOTLINK/2 proof mac={Proof.Hex(mac)}");
        Assert.That(await stranger.HearToEndAsync(), Is.EqualTo(WrongKey));
        Assert.That(server.Counters.Refused[Refusal.Certificate], Is.EqualTo(1));
    }

    [Test]
    public async Task A_scheme_of_ones_own_decides_instead()
    {
        await using var server = await ServeAsync(o => o with { IsCertificateOf = (certificate, id) => certificate.Subject == "CN=gateway 7" && id.StartsWith("pump-", StringComparison.Ordinal) });
        using var gateway = await ConnectAsync(server, "gateway 7");
        await gateway.OpenAsync("pump-3");
        Assert.That(await gateway.HearAsync(), Does.StartWith("IOTLINK/2 ok "));
        using var other = await ConnectAsync(server, "pump-3");
        await other.OpenAsync("pump-3");
        Assert.That(await other.HearToEndAsync(), Is.EqualTo(WrongKey), "the default does not count beside it");
    }

    [Test]
    public async Task What_a_scheme_throws_is_for_the_log_alone()
    {
        var log = new TestLog();
        await using var server = await ServeAsync(o => o with { LoggerFactory = log, IsCertificateOf = (_, _) => throw new InvalidOperationException(Secret) });
        using var device = await ConnectAsync(server, "pump-1");
        await device.OpenAsync("pump-1");
        Assert.That(await device.HearToEndAsync(), Is.EqualTo("IOTLINK/2 no code=overloaded retry=50\n"));
        Assert.That(server.Counters.Refused[Refusal.ServerFailed], Is.EqualTo(1));
        await Bound.EventuallyAsync(() => log.Entries.Values.Any(e => e.Error?.Message == Secret));
    }

    [Test]
    public async Task A_scheme_that_blocks_keeps_out_that_device_alone()
    {
        using var blocked = new ManualResetEventSlim();
        await using var server = await ServeAsync(o => o with
        {
            OpeningTimeout = TimeSpan.FromMilliseconds(300),
            MaxOpenings = 3,
            IsCertificateOf = (_, id) =>
            {
                if (id.StartsWith("slow", StringComparison.Ordinal))
                    blocked.Wait();
                return true;
            },
        });
        foreach (var id in new[] { "slow-1", "slow-2", "slow-3" })
        {
            using var slow = await ConnectAsync(server, id);
            await slow.OpenAsync(id);
            Assert.That(await slow.HearToEndAsync(), Is.EqualTo("IOTLINK/2 no code=overloaded retry=50\n"));
        }

        // As many calls are out as there may be openings: no further one is made, and none waits behind them.
        using var refused = await ConnectAsync(server, "good");
        await refused.OpenAsync("good");
        Assert.That(await refused.HearToEndAsync(), Does.StartWith("IOTLINK/2 no code=overloaded"));
        Assert.That(server.Counters.Refused[Refusal.ServerFailed], Is.EqualTo(4));

        blocked.Set();
        await using var good = Ends.Connect(server.EndPoint.Port, o => o with { Tls = new() { CertificateChainPolicy = authority.Policy(), ClientCertificates = [authority.IssueClient("good")] } }, "good");
        await good.UpAsync();
    }

    [Test]
    public async Task Where_certificates_are_allowed_and_none_is_presented_nothing_is_bound()
    {
        await using var server = await ServeAsync(mode: ClientCertificateMode.AllowCertificate);
        using var without = await TlsPeer.ConnectAsync(server.EndPoint, authority);
        await without.OpenAsync("pump-1");
        Assert.That(await without.HearAsync(), Does.StartWith("IOTLINK/2 ok "));
        using var other = await ConnectAsync(server, "dev1");
        await other.OpenAsync("pump-2");
        Assert.That(await other.HearToEndAsync(), Is.EqualTo(WrongKey));
    }

    [Test]
    public async Task It_holds_on_an_endpoint_of_an_application_too()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.Services.AddIotLinkServer(configure: _ => new() { Listen = false, DrainTimeout = TimeSpan.Zero, Timeout = Ends.Patience });
        ListenOptions? endPoint = null;
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0, endpoint =>
        {
            endPoint = endpoint;
            endpoint.UseHttps(Tls());
            endpoint.UseIotLink();
        }));
        await using var app = builder.Build();
        await app.StartAsync();
        var server = app.Services.GetRequiredService<IotLinkServer>();

        using var stranger = await TlsPeer.ConnectAsync(endPoint!.IPEndPoint!, authority, authority.IssueClient("dev1"));
        await stranger.OpenAsync("pump-1");
        Assert.That(await stranger.HearToEndAsync(), Is.EqualTo(WrongKey));
        using var device = await TlsPeer.ConnectAsync(endPoint.IPEndPoint!, authority, authority.IssueClient());
        await device.OpenAsync("pump-1");
        Assert.That(await device.HearAsync(), Does.StartWith("IOTLINK/2 ok "));
        Assert.That(server.Counters.Refused[Refusal.Certificate], Is.EqualTo(1));
    }

    [TestCase("pump-1", true, TestName = "By its common name")]
    [TestCase("PUMP-1", false, TestName = "Not by its common name in another case")]
    [TestCase("pump", false, TestName = "Not by a part of its common name")]
    [TestCase("pump-1.plant.example", true, TestName = "By a DNS name")]
    [TestCase("a.hall.example", false, TestName = "Not by a wildcard")]
    [TestCase("*.hall.example", true, TestName = "By the text of a wildcard")]
    [TestCase("https://plant.example/devices/pump-2", true, TestName = "By a URI")]
    [TestCase("pump-2", true, TestName = "By the last part of a URI")]
    [TestCase("devices/pump-2", false, TestName = "Not by two parts of a URI")]
    [TestCase("urn:plant:pump-3", true, TestName = "By a URN")]
    [TestCase("pump-3", true, TestName = "By the last part of a URN")]
    [TestCase("pump-4", false, TestName = "Not by a URI that ends in a slash")]
    [TestCase("127.0.0.1", false, TestName = "Not by an IP address")]
    [TestCase("pump-1@plant.example", false, TestName = "Not by an e-mail address")]
    [TestCase("CN=pump-1", false, TestName = "Not by its subject as a text")]
    public void Which_ids_a_certificate_names(string id, bool speaks)
    {
        var certificate = authority.IssueClient(alternatives: names =>
        {
            names.AddDnsName("pump-1.plant.example");
            names.AddDnsName("*.hall.example");
            names.AddUri(new("https://plant.example/devices/pump-2"));
            names.AddUri(new("urn:plant:pump-3"));
            names.AddUri(new("https://plant.example/pump-4/"));
            names.AddIpAddress(System.Net.IPAddress.Loopback);
            names.AddEmailAddress("pump-1@plant.example");
        });
        Assert.That(CertificateNames.Has(certificate, id), Is.EqualTo(speaks));
    }

    [TestCase("pump-1,O=Plant", "pump-1", true)]
    [TestCase("pump-1,O=Plant", "Plant", false)]
    [TestCase("öl ∂ 7", "öl ∂ 7", true)]
    public void The_subject_counts_by_its_common_name_alone(string subject, string id, bool speaks) =>
        Assert.That(CertificateNames.Has(authority.IssueClient(subject), id), Is.EqualTo(speaks));

    [TestCase("pump-1\0.evil", "pump-1", TestName = "Not by what stands before a NUL")]
    [TestCase("рump-1", "pump-1", TestName = "Not by a letter that looks the same")]
    [TestCase("pump-1 ", "pump-1", TestName = "Not by more than its blank")]
    [TestCase("*", "pump-1", TestName = "Not by an asterisk")]
    [TestCase("pump-*", "pump-1", TestName = "Not by a pattern")]
    [TestCase("pu\u00adm\u200bp-1", "pump-1", TestName = "Not by characters that are not seen")]
    [TestCase("PUMP-1", "pump-1", TestName = "Not by another case")]
    [TestCase("e\u0301", "\u00e9", TestName = "Not by what is only the same when composed")]
    public void A_common_name_that_is_almost_the_id_is_another(string name, string id)
    {
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName(name);
        using var certificate = Make(subject.Build());
        Assert.That(CertificateNames.Has(certificate, id), Is.False);
        Assert.That(CertificateNames.Has(certificate, name), Is.True, "and is itself, whatever it looks like");
    }

    [Test]
    public void Each_of_several_names_counts_wherever_it_stands()
    {
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName("pump-1");
        subject.AddOrganizationName("Plant");
        subject.AddCommonName("pump-2");
        var (names, more) = (new SubjectAlternativeNameBuilder(), new SubjectAlternativeNameBuilder());
        names.AddDnsName("pump-3.example");
        names.AddDnsName("pump-4.example");
        more.AddUri(new("urn:plant:pump-5"));
        using var certificate = Make(subject.Build(), names.Build());
        string[] own = ["pump-1", "pump-2", "pump-3.example", "pump-4.example"];
        Assert.That(own.Select(id => CertificateNames.Has(certificate, id)), Has.All.True);
        Assert.That(CertificateNames.Has(certificate, "Plant"), Is.False);
        using var nameless = Make(new X500DistinguishedName(""), more.Build());
        Assert.That((CertificateNames.Has(nameless, "pump-5"), CertificateNames.Has(nameless, ""), CertificateNames.Has(nameless, "pump-1")), Is.EqualTo((true, false, false)), "an empty subject");
    }

    [TestCase("", TestName = "Alternative names that are no sequence")]
    [TestCase("300782055056", TestName = "Alternative names cut short")]
    [TestCase("30038201ff", TestName = "A DNS name that is not ASCII")]
    public void Malformed_names_name_nobody(string hex)
    {
        using var certificate = Make(new X500DistinguishedName("CN=pump-1"), new X509Extension("2.5.29.17", Convert.FromHexString(hex), critical: false));
        Assert.That(CertificateNames.Has(certificate, "pump-2"), Is.False);
    }

    [Test]
    public void A_certificate_without_a_name_is_nobodys() => Assert.That(CertificateNames.Has(authority.IssueClient(""), ""), Is.False);

    private static X509Certificate2 Make(X500DistinguishedName subject, X509Extension? names = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        if (names is not null)
            request.CertificateExtensions.Add(names);
        return request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(1));
    }

    private HttpsConnectionAdapterOptions Tls(ClientCertificateMode mode = ClientCertificateMode.RequireCertificate) => new()
    {
        ServerCertificate = authority.IssueServer(),
        ClientCertificateMode = mode,
        OnAuthenticate = (_, ssl) => ssl.CertificateChainPolicy = authority.Policy(),
    };

    private Task<IotLinkServer> ServeAsync(Func<IotLinkServerOptions, IotLinkServerOptions>? change = null, ClientCertificateMode mode = ClientCertificateMode.RequireCertificate) =>
        Ends.ServeAsync(o => (change?.Invoke(o) ?? o) with { Tls = Tls(mode) });

    private Task<TlsPeer> ConnectAsync(IotLinkServer server, string name) => TlsPeer.ConnectAsync(server.EndPoint, authority, Issue(name));

    private X509Certificate2 Issue(string name) => authority.IssueClient(name.Contains('\n', StringComparison.Ordinal) ? $"\"{name}\"" : name);
}
