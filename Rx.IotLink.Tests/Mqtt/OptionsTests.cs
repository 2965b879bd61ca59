using System.Security.Cryptography.X509Certificates;
using NUnit.Framework;
using Rx.IotLink.Mqtt;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.Security;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Mqtt;

/// <summary>Which broker, and who may use it.</summary>
public sealed class OptionsTests : MqttTest
{
    [TestCase("mqtt://broker", "broker", 1_883, null, null)]
    [TestCase("mqtt://broker:1884/", "broker", 1_884, null, null)]
    [TestCase("mqtts://broker", "broker", 8_883, null, null)]
    [TestCase("mqtt://me:p%40ss%3Aword@[::1]:1", "[::1]", 1, "me", "p@ss:word")]
    public void An_address_has_all_of_them(string address, string host, int port, string? user, string? password)
    {
        var options = MqttGatewayOptions.FromUri(address);
        Assert.That((options.Host, options.PortOrDefault, options.UserName, options.Password), Is.EqualTo((host.Trim('[', ']'), port, user, password)));
        Assert.That(options.Tls is not null, Is.EqualTo(address.StartsWith("mqtts", StringComparison.Ordinal)));
    }

    [TestCase("broker")]
    [TestCase("http://broker")]
    [TestCase("mqtt://")]
    [TestCase("mqtt://me:secret@broker/topic")]
    [TestCase("mqtt://broker?secret=1")]
    public void A_wrong_address_is_told_without_what_is_in_it(string address) =>
        Assert.That(() => MqttGatewayOptions.FromUri(address), Throws.TypeOf<FormatException>().With.Message.StartsWith("An MQTT address must ").And.Message.Not.Contain("secret"));

    [TestCase("", "Prefix '' is empty.")]
    [TestCase("a/+", "Prefix 'a/+' holds a + or #, which only a filter may have.")]
    [TestCase("/a", "Prefix '/a' begins or ends with /.")]
    [TestCase("$SYS", "Prefix '$SYS' begins with $, which brokers keep for themselves.")]
    [TestCase("a\nb", @"Prefix 'a\nb' holds a control character.")]
    public void A_wrong_prefix_is_told(string prefix, string message) =>
        Assert.That(() => (new MqttGatewayOptions { Host = "broker", Prefix = prefix }).Validate(), Throws.ArgumentException.With.Message.StartsWith(message));

    [Test]
    public async Task A_broker_that_asks_for_a_password_gets_it()
    {
        // mosquitto_passwd's form of PBKDF2 with SHA-512.
        var salt = new byte[12];
        var hash = System.Security.Cryptography.Rfc2898DeriveBytes.Pbkdf2("right", salt, 101, System.Security.Cryptography.HashAlgorithmName.SHA512, 64);
        var broker = await StartBrokerAsync("allow_anonymous false\npassword_file FOLDER/passwords", ("passwords", $"fleet:$7$101${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}\n"));
        var server = await StartServerAsync();
        var wrong = StartGateway(server, GatewayOptions(broker.EndPoint) with { UserName = "fleet", Password = "wrong" });
        Assert.That((await wrong.Notices.Record().FirstAsync(n => n.Kind == MqttNoticeKind.ConnectFailed)).Detail, Does.Contain("refuses this gateway: NotAuthorized"));
        await wrong.DisposeAsync();
        await ConnectedAsync(StartGateway(server, GatewayOptions(broker.EndPoint) with { UserName = "fleet", Password = "right" }));
    }

    [Test]
    public async Task TLS_is_that_of_the_options()
    {
        using var authority = new Authority();
        var certificate = authority.IssueServer();
        var broker = await StartBrokerAsync(
            "certfile FOLDER/cert.pem\nkeyfile FOLDER/key.pem", ("cert.pem", certificate.ExportCertificatePem()), ("key.pem", certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem()));
        var server = await StartServerAsync();
        var untrusted = StartGateway(server, GatewayOptions(broker.EndPoint) with { Tls = new() });
        Assert.That((await untrusted.Notices.Record().FirstAsync(n => n.Kind == MqttNoticeKind.ConnectFailed)).Detail, Does.Contain($"TLS with {broker.EndPoint} failed: "));
        await untrusted.DisposeAsync();
        var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.Add(authority.Certificate);
        await ConnectedAsync(StartGateway(server, GatewayOptions(broker.EndPoint) with { Tls = new() { CertificateChainPolicy = trust } }));
    }

    [TestCase("--mqtt needs a URL, or the environment variable IOTLINK_MQTT.", "--mqtt")]
    [TestCase("--mqtt: An MQTT address must be mqtt://HOST", "--mqtt", "localhost")]
    [TestCase("--mqtt: Prefix '#' holds a + or #, which only a filter may have.", "--mqtt", "mqtt://localhost", "--mqtt-prefix", "#")]
    [TestCase("--mqtt and --echo cannot both be given", "--mqtt", "mqtt://localhost", "--echo")]
    [TestCase("--mqtt-prefix is of no use without --mqtt.", "--mqtt-prefix", "plant")]
    public async Task The_command_says_what_is_wrong(string sentence, params string[] arguments)
    {
        await using var command = IotLinkProcess.Start(["serve", .. arguments]);
        Assert.That(await command.ExitAsync(), Is.EqualTo(2));
        Assert.That(await IotLinkProcess.AllAsync(command.Events), Has.Exactly(1).StartsWith($"iotlink: {sentence}"));
    }
}
