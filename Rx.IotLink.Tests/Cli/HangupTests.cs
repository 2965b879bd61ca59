using System.Security.Cryptography.X509Certificates;
using NUnit.Framework;
using Rx.IotLink.Tests.Security;

namespace Rx.IotLink.Tests.Cli;

/// <summary>SIGHUP: a terminal that closed, or a daemon that is to read its files again.</summary>
[TestFixture]
[Platform(Exclude = "Win")]
[Parallelizable(ParallelScope.Self)]
internal sealed class HangupTests
{
    private const string ReadAgain = "SIGHUP: the files were read again: ";
    private TestFiles files = null!;

    [SetUp]
    public void MakeFiles() => files = new();

    [TearDown]
    public void RemoveFiles() => files.Dispose();

    [Test]
    public async Task A_client_drains_however_often_it_comes()
    {
        var port = FreePort.Get();
        await using var client = IotLinkProcess.Connect(port, "a");
        await client.WriteAsync([.. "one\n"u8, 0xff, (byte)'\n']);
        await client.EventAsync("line 2");
        client.Signal("HUP");
        await client.EventAsync("waiting up to 30 s for 1 line to be delivered");
        client.Signal("HUP");

        await using var server = IotLinkProcess.Start("serve", "--port", port.Text());
        Assert.That(await server.OutputAsync(1), Is.EqualTo(["a\tone"]));
        Assert.That(await client.ExitAsync(), Is.EqualTo(1), "a line was skipped");
    }

    [Test]
    public async Task A_client_whose_starter_ignored_it_ignores_it()
    {
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        await using var client = IotLinkProcess.StartByShell("trap '' HUP; exec \"$@\"", ["connect", $"127.0.0.1:{port}", "--id", "a"]);
        await client.EventAsync("a up");
        client.Signal("HUP");
        // One that stopped would read no further line.
        await server.WriteAsync("a\tstill there\n");
        await client.OutputAsync("still there");
        await client.WriteAsync("one\n");
        Assert.That(await server.OutputAsync(1), Is.EqualTo(["a\tone"]));
        client.EndInput();
        Assert.That(await client.ExitAsync(), Is.Zero);
    }

    [Test]
    public async Task A_server_takes_a_renewed_certificate_and_keeps_its_connections()
    {
        using var old = new Authority("old");
        using var renewed = new Authority("renewed");
        var cert = files.Write("cert.pem", Pem(old.IssueServer()));
        var (server, port) = await IotLinkProcess.ServeAsync("--tls", "--cert", cert);
        await using var serving = server;
        await using var first = Client(port, "first", old);
        await first.EventAsync("first up");

        // With one between it and its authority: it is presented, too.
        using var between = renewed.IssueAuthority("between");
        files.Write("cert.pem", Pem(between.IssueServer()) + between.Certificate.ExportCertificatePem());
        server.Signal("HUP");
        Assert.That(await server.EventAsync("SIGHUP"), Does.StartWith($"{ReadAgain}the certificate 'CN=server', valid until 2"));

        await using var second = Client(port, "second", renewed);
        await second.WriteAsync("new\n");
        Assert.That(await server.OutputAsync("second"), Is.EqualTo("second\tnew"));
        await using var third = Client(port, "third", old);
        Assert.That(await third.EventAsync("ConnectFailed"), Does.Contain("is not trusted here"));
        await first.WriteAsync("old\n");
        Assert.That(await server.OutputAsync("first"), Is.EqualTo("first\told"));
        Assert.That(IotLinkProcess.SoFar(server.Events), Has.None.Contains("first down"));
    }

    [TestCase("garbage", "--cert: ")]
    [TestCase("expired", "--cert: the certificate 'CN=server', valid until ")]
    [TestCase("for clients", "is not for a server: its extended key usage does not say so")]
    [TestCase("key of another", "--cert: ")]
    [TestCase("gone", "--cert: Could not find file")]
    [TestCase("a pipe", "is empty, or no regular file")]
    public async Task A_server_keeps_its_certificate_and_keys_if_the_new_one_is_bad(string how, string sentence)
    {
        using var authority = new Authority();
        var good = Pem(authority.IssueServer());
        var cert = files.Write("cert.pem", good);
        var keys = files.Write("keys", $"a {DeviceKeys.NewKey()}\n");
        var own = files.Write("own", await File.ReadAllTextAsync(keys));
        var (server, port) = await IotLinkProcess.ServeAsync("--tls", "--cert", cert, "--key-file", keys);
        await using var serving = server;

        files.Write("keys", $"b {DeviceKeys.NewKey()}\n");
        files.Write("cert.pem", how switch
        {
            "garbage" => "no certificate",
            "expired" => Pem(authority.IssueServer(expired: true)),
            "for clients" => Pem(authority.IssueClient()),
            "key of another" => authority.IssueServer().ExportCertificatePem() + "\n" + good[good.IndexOf("-----BEGIN PRIVATE", StringComparison.Ordinal)..],
            _ => "",
        });
        if (how is "gone" or "a pipe")
            File.Delete(cert);
        if (how == "a pipe")
            files.MakePipe("cert.pem");
        server.Signal("HUP");
        Assert.That(
            await server.EventAsync("iotlink: "),
            Does.Contain(sentence).And.EndsWith("; the files as they were read before stay in force."));

        await using var client = Client(port, "a", authority, "--key-file", own);
        await client.WriteAsync("one\n");
        client.EndInput();
        Assert.That(await client.ExitAsync(), Is.Zero);
        Assert.That(await server.OutputAsync(1), Is.EqualTo(["a\tone"]));
    }

    [Test]
    public async Task A_server_takes_the_keys_that_its_file_has_now()
    {
        var (a, b) = ($"a {DeviceKeys.NewKey()}\n", $"b {DeviceKeys.NewKey()}\n");
        var keys = files.Write("keys", a);
        var (server, port) = await IotLinkProcess.ServeAsync("--key-file", keys);
        await using var serving = server;
        await using var before = IotLinkProcess.Connect(port, "a", "--key-file", files.Write("a", a));
        await before.WriteAsync("one\n");
        before.EndInput();
        Assert.That(await before.ExitAsync(), Is.Zero);

        files.Write("keys", "no key");
        server.Signal("HUP");
        Assert.That(await server.EventAsync("iotlink: "), Does.StartWith($"iotlink: --key-file: {keys}, line 1: ").And.EndsWith("stay in force."));
        files.Write("keys", b + $"c {DeviceKeys.NewKey()}\n");
        server.Signal("HUP");
        Assert.That(await server.EventAsync(ReadAgain), Is.EqualTo($"{ReadAgain}keys of 2 devices"));

        await using var removed = IotLinkProcess.Connect(port, "a", "--key-file", files.PathOf("a"));
        removed.EndInput();
        Assert.That(await removed.ExitAsync(), Is.EqualTo(1), "refused");
        await using var added = IotLinkProcess.Connect(port, "b", "--key-file", files.Write("b", b));
        await added.WriteAsync("two\n");
        added.EndInput();
        Assert.That(await added.ExitAsync(), Is.Zero);
        Assert.That(await server.OutputAsync(2), Is.EqualTo(["a\tone", "b\ttwo"]));
    }

    [Test]
    public async Task A_link_whose_key_is_gone_ends_at_once_and_the_others_stay()
    {
        var (a, b, next) = ($"a {DeviceKeys.NewKey()}\n", $"b {DeviceKeys.NewKey()}\n", $"b {DeviceKeys.NewKey()}\n");
        var keys = files.Write("keys", a + b);
        var (server, port) = await IotLinkProcess.ServeAsync("--key-file", keys);
        await using var serving = server;
        await using var revoked = IotLinkProcess.Connect(port, "a", "--key-file", files.Write("a", a));
        await revoked.EventAsync("a up");
        await using var kept = IotLinkProcess.Connect(port, "b", "--key-file", files.Write("b", b));
        await kept.EventAsync("b up");

        files.Write("keys", b + next);
        server.Signal("HUP");
        Assert.That(await server.EventAsync("a down: "), Does.Contain("KeyRevoked"));
        Assert.That(await revoked.EventAsync("a down: "), Does.Contain("key revoked"));
        await kept.WriteAsync("still there\n");
        Assert.That(await server.OutputAsync(1), Is.EqualTo(["b\tstill there"]));

        files.Write("keys", next);
        server.Signal("HUP");
        Assert.That(await server.EventAsync("b down: "), Does.Contain("KeyRevoked"));
    }

    /// <summary>The file may be about to be written: no device is locked out by that.</summary>
    [Test]
    public async Task A_key_file_that_is_empty_revokes_nothing()
    {
        var a = $"a {DeviceKeys.NewKey()}\n";
        var keys = files.Write("keys", a);
        var (server, port) = await IotLinkProcess.ServeAsync("--key-file", keys);
        await using var serving = server;
        await using var kept = IotLinkProcess.Connect(port, "a", "--key-file", files.Write("a", a));
        await kept.EventAsync("a up");
        files.Write("keys", "");
        server.Signal("HUP");
        Assert.That(await server.EventAsync("iotlink: "), Is.EqualTo($"iotlink: --key-file: {keys} is empty, or no regular file; the files as they were read before stay in force."));
        await kept.WriteAsync("still there\n");
        Assert.That(await server.OutputAsync(1), Is.EqualTo(["a\tstill there"]));
    }

    [Test]
    public async Task Hangups_that_come_while_files_are_read_end_with_the_files_as_they_are()
    {
        var keys = files.Write("keys", $"a {DeviceKeys.NewKey()}\n");
        var (server, _) = await IotLinkProcess.ServeAsync("--key-file", keys);
        await using var serving = server;
        for (var devices = 2; devices <= 20; devices++)
        {
            File.Move(files.Write("next", string.Concat(Enumerable.Range(0, devices).Select(d => $"{d} {DeviceKeys.NewKey()}\n"))), keys, overwrite: true);
            server.Signal("HUP");
        }

        await server.EventAsync($"{ReadAgain}keys of 20 devices");
        Assert.That(IotLinkProcess.SoFar(server.Events), Has.None.Contains("iotlink: "));
    }

    [Test]
    public async Task A_server_without_files_says_so_and_goes_on()
    {
        var (server, port) = await IotLinkProcess.ServeAsync();
        await using var serving = server;
        server.Signal("HUP");
        Assert.That(await server.EventAsync("SIGHUP"), Is.EqualTo("SIGHUP: there is no file to read again"));
        await using var client = IotLinkProcess.Connect(port, "a");
        await client.EventAsync("a up");
    }

    [Test]
    [Platform("Linux")]
    public async Task A_server_whose_terminal_is_gone_ends()
    {
        using var terminal = new PseudoTerminal();
        await using var server = IotLinkProcess.StartByShell($"exec \"$@\" <{terminal.Name} 2>{terminal.Name}", ["serve", "--port", "0", "--bind", "127.0.0.1"]);
        await terminal.ReadAsync("listening on");
        server.Signal("HUP");
        await terminal.ReadAsync("SIGHUP: there is no file to read again");
        terminal.Dispose();
        server.Signal("HUP");
        Assert.That(await server.ExitAsync(), Is.AnyOf(0, 1), "1 if it was just reading from the terminal, which fails then");
    }

    private IotLinkProcess Client(int port, string id, Authority authority, params string[] more) =>
        IotLinkProcess.Connect(port, id, ["--tls", "--ca", files.Write($"{id}.ca", authority.Certificate.ExportCertificatePem()), .. more]);

    private static string Pem(X509Certificate2 certificate) => $"{certificate.ExportCertificatePem()}\n{certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem()}\n";
}
