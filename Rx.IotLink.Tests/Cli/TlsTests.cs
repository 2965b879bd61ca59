using System.Security.Cryptography.X509Certificates;
using NUnit.Framework;
using Rx.IotLink.Tests.Security;

namespace Rx.IotLink.Tests.Cli;

/// <summary>The command with TLS.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
internal sealed class TlsTests
{
    private TestFiles files = null!;
    private Authority authority = null!;
    private string ca = null!;

    [SetUp]
    public void MakeFiles()
    {
        (files, authority) = (new(), new());
        ca = files.Write("ca.pem", authority.Certificate.ExportCertificatePem());
    }

    [TearDown]
    public void RemoveFiles()
    {
        files.Dispose();
        authority.Dispose();
    }

    [TestCase("pem")]
    [TestCase("pfx")]
    [TestCase("two files")]
    public async Task Lines_go_both_ways(string form)
    {
        var (server, port) = await IotLinkProcess.ServeAsync(["--tls", .. Certificate("server", authority.IssueServer(), form)]);
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "a", "--tls", "--ca", ca);
        await client.WriteAsync("there\n");
        Assert.That(await server.OutputAsync(1), Is.EqualTo(["a\tthere"]));
        await server.WriteAsync("a\tback\n");
        Assert.That(await client.OutputAsync(1), Is.EqualTo(["back"]));
        client.EndInput();
        Assert.That(await client.ExitAsync(), Is.Zero);
        Assert.That(await server.EventAsync("a down: "), Does.Contain("PeerLeft"));
    }

    [TestCase("pem")]
    [TestCase("pfx")]
    public async Task A_client_certificate_lets_in_and_none_does_not(string form)
    {
        var (server, port) = await IotLinkProcess.ServeAsync(["--tls", "--ca", ca, .. Certificate("server", authority.IssueServer(), "pem")]);
        await using var serving = server;
        await using var good = IotLinkProcess.Connect(port, "pump-1", ["--tls", "--ca", ca, .. Certificate("client", authority.IssueClient(), form)]);
        await good.WriteAsync("there\n");
        good.EndInput();
        Assert.That(await good.ExitAsync(), Is.Zero);

        await using var none = IotLinkProcess.Connect(port, "b", "--tls", "--ca", ca);
        Assert.That(await none.EventAsync("ConnectFailed"), Does.StartWith("b notice: "));
        Assert.That(await server.EventAsync("refused: "), Does.Contain("presented no client certificate"));
    }

    [Test]
    public async Task A_client_certificate_speaks_for_its_own_id_unless_told_otherwise()
    {
        string[] own = ["--tls", "--ca", ca, .. Certificate("client", authority.IssueClient("dev1"), "pem")];
        string[] serve = ["--tls", "--ca", ca, .. Certificate("server", authority.IssueServer(), "pem")];
        var (server, port) = await IotLinkProcess.ServeAsync(serve);
        await using var serving = server;
        await using var refused = IotLinkProcess.Connect(port, "pump-1", own);
        Assert.That(await server.EventAsync("refused: "), Does.Contain("its certificate 'CN=dev1' is not of this id"));
        refused.EndInput();
        Assert.That(await refused.ExitAsync(), Is.EqualTo(1));

        var (lax, laxPort) = await IotLinkProcess.ServeAsync([.. serve, "--any-id"]);
        await using var servingAny = lax;
        await using var taken = IotLinkProcess.Connect(laxPort, "pump-1", own);
        await taken.WriteAsync("one\n");
        Assert.That(await lax.OutputAsync(1), Is.EqualTo(["pump-1\tone"]));
        await AssertUsageAsync(["serve", "--port", "0", "--any-id"], "--any-id is of no use without --ca");
    }

    [Test]
    public async Task A_certificate_that_is_not_trusted_is_told()
    {
        var (server, port) = await IotLinkProcess.ServeAsync(["--tls", .. Certificate("server", authority.IssueServer(), "pem")]);
        await using var serving = server;
        await using var client = IotLinkProcess.Connect(port, "a", "--tls");
        Assert.That(await client.EventAsync("ConnectFailed"), Does.Contain("the server's certificate 'CN=server' was refused: its issuer 'CN=test authority' is not trusted here"));
    }

    [Test]
    public async Task A_file_that_holds_no_certificate_is_told()
    {
        var text = files.Write("text", "no certificate");
        await AssertUsageAsync(["connect", "localhost", "--id", "a", "--tls", "--ca", text], $"--ca: {text} ");
        await AssertUsageAsync(["serve", "--port", "0", "--tls", "--cert", text], $"--cert: {text} ");
        await AssertUsageAsync(["serve", "--port", "0", "--tls", "--cert", ca], $"--cert: {ca} ");
        await AssertUsageAsync(["serve", "--port", "0", "--tls", "--cert", ca, "--cert-key", text], $"--cert-key: {text} ");
        await AssertUsageAsync(["serve", "--port", "0", .. Certificate("client", authority.IssueClient(), "pfx"), "--tls"], "is not for a server: its extended key usage does not say so");
    }

    /// <summary>Nobody waits for a pipe to which nobody writes, or reads a device that has no end.</summary>
    [Test]
    [Platform("Linux")]
    public async Task What_is_no_regular_file_is_told()
    {
        const string Told = "is empty, or no regular file";
        var pipe = files.MakePipe("pipe");
        foreach (var path in new[] { pipe, "/dev/zero" })
        {
            await AssertUsageAsync(["connect", "localhost", "--id", "a", "--key-file", path, "--insecure-key-file"], $"--key-file: {path} {Told}");
            await AssertUsageAsync(["connect", "localhost", "--id", "a", "--tls", "--ca", path], $"--ca: {path} {Told}");
        }

        await AssertUsageAsync(["serve", "--port", "0", "--tls", "--cert", pipe], $"--cert: {pipe} {Told}");
        await AssertUsageAsync(["serve", "--port", "0", "--tls", "--cert", ca, "--cert-key", pipe], $"--cert-key: {pipe} {Told}");
    }

    private static async Task AssertUsageAsync(string[] arguments, string sentence)
    {
        await using var command = IotLinkProcess.Start(arguments);
        Assert.That(await command.ExitAsync(), Is.EqualTo(2));
        var told = await IotLinkProcess.AllAsync(command.Events);
        Assert.That(told, Has.Count.EqualTo(1));
        Assert.That(told[0], Does.StartWith("iotlink: ").And.Contains(sentence));
    }

    private string[] Certificate(string name, X509Certificate2 certificate, string form)
    {
        if (form == "pfx")
            return ["--cert", files.Write($"{name}.pfx", certificate.Export(X509ContentType.Pkcs12))];
        var (pem, key) = (certificate.ExportCertificatePem(), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        return form == "pem"
            ? ["--cert", files.Write($"{name}.pem", $"{pem}\n{key}\n")]
            : ["--cert", files.Write($"{name}.crt", pem), "--cert-key", files.Write($"{name}.key", key)];
    }
}
