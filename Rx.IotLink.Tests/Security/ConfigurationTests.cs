using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using NUnit.Framework;
using Rx.IotLink.Server;

namespace Rx.IotLink.Tests.Security;

/// <summary>Servers whose options come from a configuration, and options that cannot be right.</summary>
[TestFixture]
internal sealed class ConfigurationTests
{
    [Test]
    public async Task A_host_gives_keys_by_a_file()
    {
        using var files = new TestFiles();
        var key = DeviceKeys.NewKey();
        using var host = HostWith(new()
        {
            ["Port"] = "0",
            ["KeyFile"] = files.Write("keys", $"pump-1 {key}\n"),
            ["Expected:0"] = "pump-1",
            ["RetryAfter"] = "00:00:03",
            ["Timeout"] = "00:00:20",
        });
        await host.StartAsync();
        var server = host.Services.GetRequiredService<IotLinkServer>();
        await using var client = Ends.Connect(server.EndPoint.Port, options => options with { Key = Convert.FromHexString(key) });
        await client.UpAsync();
        await using var stranger = Ends.Connect(server.EndPoint.Port, id: "stranger");
        Assert.That((await stranger.NoticeAsync(LinkNoticeKind.Refused)).Detail, Does.StartWith("the server says 'auth'"));
        await client.DisposeAsync();
        await host.StopAsync();
    }

    [Test]
    public void A_key_file_that_is_not_there_fails_the_start_and_is_named()
    {
        using var files = new TestFiles();
        using var host = HostWith(new() { ["Port"] = "0", ["KeyFile"] = files.PathOf("none") });
        Assert.That(async () => await host.StartAsync(), Throws.InstanceOf<IOException>().With.Message.Contains(files.PathOf("none")));
    }

    [Test]
    public void A_key_file_with_a_bad_line_fails_the_start_and_is_named()
    {
        using var files = new TestFiles();
        using var host = HostWith(new() { ["Port"] = "0", ["KeyFile"] = files.Write("keys", "pump-1\n") });
        Assert.That(async () => await host.StartAsync(), Throws.InstanceOf<FormatException>().With.Message.StartsWith($"{files.PathOf("keys")}, line 1: "));
    }

    [TestCase("KeysFile", "KeyFile")]
    [TestCase("Keyfil", "KeyFile")]
    [TestCase("UnknownId", "UnknownIds")]
    [TestCase("Timeot", "Timeout")]
    public void A_name_that_is_no_option_fails_the_start_and_names_the_nearest(string name, string nearest)
    {
        using var host = HostWith(new() { ["Port"] = "0", [name] = "x" });
        Assert.That(async () => await host.StartAsync(), Throws.ArgumentException.With.Message.StartsWith($"{name} '{name}' is no option; the nearest is {nearest}."));
    }

    [Test]
    public void A_name_inside_of_TLS_is_checked_too()
    {
        using var host = HostWith(new() { ["Port"] = "0", ["Tls:HandshakeTimeot"] = "00:00:05" });
        Assert.That(async () => await host.StartAsync(), Throws.ArgumentException.With.Message.StartsWith("Tls:HandshakeTimeot 'HandshakeTimeot' is no option; the nearest is HandshakeTimeout."));
    }

    [Test]
    public void One_value_where_a_list_must_be_fails_the_start()
    {
        using var host = HostWith(new() { ["Port"] = "0", ["Expected"] = "pump-1" });
        Assert.That(async () => await host.StartAsync(), Throws.ArgumentException.With.Message.StartsWith("Expected 'pump-1' is a list: give Expected:0, Expected:1, or an array in JSON."));
    }

    [Test]
    public void A_list_where_one_value_must_be_fails_the_start()
    {
        using var host = HostWith(new() { ["Port:0"] = "0" });
        Assert.That(async () => await host.StartAsync(), Throws.ArgumentException.With.Message.StartsWith("Port 'Port' has one value, not a list or a section."));
    }

    [TestCase("KeyOf")]
    [TestCase("SessionStore")]
    [TestCase("Keys")]
    [TestCase("IsCertificateOf")]
    [TestCase("LoggerFactory")]
    [TestCase("Scheduler")]
    [TestCase("ObserverScheduler")]
    [TestCase("Tls")]
    public void An_option_that_no_text_can_give_fails_the_start(string name)
    {
        using var host = HostWith(new() { ["Port"] = "0", [name] = "x" });
        Assert.That(async () => await host.StartAsync(), Throws.ArgumentException.With.Message.StartsWith($"{name} '{name}' cannot be given as text; set it in code."));
    }

    [Test]
    public async Task Names_are_taken_in_any_case_and_an_empty_section_is_none()
    {
        using var host = HostWith(new() { ["port"] = "0", ["TIMEOUT"] = "00:00:20", ["Tls"] = "", ["Expected"] = "" });
        await host.StartAsync();
        await using var client = Ends.Connect(host.Services.GetRequiredService<IotLinkServer>().EndPoint.Port);
        await client.UpAsync();
        await client.DisposeAsync();
        await host.StopAsync();
    }

    [Test]
    public async Task The_address_to_listen_on_comes_from_the_configuration()
    {
        using var host = HostWith(new() { ["Port"] = "0", ["Bind"] = "127.0.0.1" });
        await host.StartAsync();
        Assert.That(host.Services.GetRequiredService<IotLinkServer>().EndPoint.Address.ToString(), Is.EqualTo("127.0.0.1"));
        await host.StopAsync();
    }

    [Test]
    public void A_name_is_reported_without_what_moves_a_cursor()
    {
        using var host = HostWith(new() { ["Po\u001b[2J\u202ert"] = "0" });
        Assert.That(async () => await host.StartAsync(), Throws.ArgumentException.With.Message.Contains("Po\\u{1b}[2J\\u{202e}rt").And.Message.Not.Contains("\u202e"));
    }

    [Test]
    public async Task Trusted_proxies_come_from_the_configuration()
    {
        using var host = HostWith(new() { ["Port"] = "0", ["Bind"] = "127.0.0.1", ["TrustedProxies:0"] = "10.0.0.0/8", ["TrustedProxies:1"] = "127.0.0.1" });
        await host.StartAsync();
        var server = host.Services.GetRequiredService<IotLinkServer>();
        var refusal = server.RefusalAsync();
        await using var client = Ends.Connect(server.EndPoint.Port);
        Assert.That((await refusal).Refusal, Is.EqualTo(Refusal.ProxyHeader));
        await host.StopAsync();
    }

    [TestCase("proxy.example", "is neither an address nor a network (ADDRESS/BITS)")]
    [TestCase("", "is neither an address nor a network (ADDRESS/BITS)")]
    [TestCase("::/0", "trusts every address")]
    public void A_proxy_that_is_no_network_fails_the_start(string network, string fault)
    {
        using var host = HostWith(new() { ["Port"] = "0", ["TrustedProxies:0"] = network });
        Assert.That(async () => await host.StartAsync(), Throws.ArgumentException.With.Message.StartsWith($"TrustedProxies '{network}' {fault}"));
    }

    [Test]
    public void TLS_half_configured_fails_the_start()
    {
        using var host = HostWith(new() { ["Port"] = "0", ["Tls:HandshakeTimeout"] = "00:00:05" });
        Assert.That(async () => await host.StartAsync(), Throws.ArgumentException.With.Message.StartsWith("Tls 'given' has neither ServerCertificate nor ServerCertificateSelector"));
    }

    [Test]
    public void What_cannot_be_is_reported_before_the_start()
    {
        using var authority = new Authority();
        using var bare = System.Security.Cryptography.X509Certificates.X509CertificateLoader.LoadCertificate(authority.IssueServer().RawDataMemory.Span);
        AssertFault(o => o with { Tls = new HttpsConnectionAdapterOptions { ServerCertificate = bare } }, "Tls 'given' has a ServerCertificate without its private key");
        AssertFault(o => o with { KeyFile = "" }, "KeyFile '' is empty");
        AssertFault(o => o with { KeyFile = "keys", KeyOf = _ => null }, "KeyFile 'keys' and KeyOf are both given");
        AssertFault(o => o with { KeyFile = "keys", Protocol2 = false, Protocol1 = true }, "KeyFile 'given' is of no use without protocol 2");
    }

    [Test]
    public void A_certificate_that_is_not_for_servers_fails_the_start()
    {
        using var authority = new Authority();
        var tls = new HttpsConnectionAdapterOptions { ServerCertificate = authority.IssueClient() };
        Assert.That(async () => await Ends.ServeAsync(o => o with { Tls = tls }), Throws.InstanceOf<IOException>().With.Message.Contains("cannot be listened on"));
    }

    private static void AssertFault(Func<IotLinkServerOptions, IotLinkServerOptions> change, string fault) =>
        Assert.That(async () => await Ends.ServeAsync(change), Throws.ArgumentException.With.Message.StartsWith(fault));

    private static IHost HostWith(Dictionary<string, string?> settings)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new() { DisableDefaults = true });
        builder.Services.AddLogging();
        builder.Services.AddIotLinkServer(new ConfigurationBuilder().AddInMemoryCollection(settings).Build(), options => options with { DrainTimeout = TimeSpan.Zero });
        return builder.Build();
    }
}
