using NUnit.Framework;
using Rx.IotLink.Server;

namespace Rx.IotLink.Tests.Security;

/// <summary>What somebody on the path reads and changes: with a key alone, and with TLS.</summary>
[TestFixture]
internal sealed class OnThePathTests
{
    private static readonly DeviceKeys Keys = DeviceKeys.Parse([$"pump-1 {DeviceKeys.NewKey()}"]);

    private Authority authority = null!;

    [OneTimeSetUp]
    public void MakeAuthority() => authority = new();

    [OneTimeTearDown]
    public void ReleaseAuthority() => authority.Dispose();

    [Test]
    public async Task Under_TLS_neither_an_id_nor_a_line_is_read()
    {
        await using var server = await ServeAsync(withTls: true);
        await using var network = new BadNetwork(server.EndPoint.Port);
        await using var client = Connect(network, withTls: true);
        Assert.That(await Ends.WorksAsync(server, client), Is.True);

        Assert.That(network.Read, Is.Not.Empty.And.Not.Contain("pump-1").And.Not.Contain("there").And.Not.Contain("back"));
    }

    [Test]
    public async Task With_a_key_alone_both_are_and_the_key_is_not()
    {
        await using var server = await ServeAsync(withTls: false);
        await using var network = new BadNetwork(server.EndPoint.Port);
        await using var client = Connect(network, withTls: false);
        Assert.That(await Ends.WorksAsync(server, client), Is.True);

        var key = Convert.ToHexString(Keys.Find("pump-1")!.Value.Span);
        Assert.That(network.Read, Does.Contain("pump-1").And.Contain("there").And.Contain("back").And.Not.Contain(key).IgnoreCase);
    }

    [Test]
    public async Task Under_TLS_a_changed_byte_ends_the_connection_and_the_line_comes_all_the_same()
    {
        await using var server = await ServeAsync(withTls: true);
        await using var network = new BadNetwork(server.EndPoint.Port);
        await using var client = Connect(network, withTls: true);
        await client.UpAsync();
        var link = await server.LinkAsync();
        var lines = link.LinesAsync(2);
        var down = link.StateAsync(s => s.Outage is not null);

        network.Change = bytes => [.. bytes[..^1], (byte)(bytes[^1] ^ 1)];
        var (one, two) = (client.WriteAsync("one"), client.WriteAsync("two"));
        await down;
        network.Change = null;
        network.Cut();
        await Task.WhenAll(one, two).WaitAsync(Ends.Bound);

        Assert.That(await lines, Is.EqualTo(["one", "two"]));
    }

    /// <summary>The key protects the opening, whichever end is to be deceived.</summary>
    [TestCase("id=pump-1", "id=pump-2")]
    [TestCase("window=", "window=9")]
    [TestCase("epoch=", "epoch=1")]
    [TestCase("IOTLINK/2 prove nonce=", "IOTLINK/2 prove nonce=0")]
    [TestCase("IOTLINK/2 proof mac=", "IOTLINK/2 proof mac=0")]
    public async Task With_a_key_an_opening_that_was_changed_lets_nobody_in(string part, string instead)
    {
        await using var server = await ServeAsync(withTls: false);
        await using var network = new BadNetwork(server.EndPoint.Port)
        {
            Change = bytes => System.Text.Encoding.Latin1.GetBytes(System.Text.Encoding.Latin1.GetString(bytes).Replace(part, instead, StringComparison.Ordinal)),
        };
        var refusal = server.RefusalAsync();
        await using var client = Connect(network, withTls: false);

        Assert.That((await refusal).Refusal, Is.AnyOf(Refusal.NotProven, Refusal.BadId, Refusal.TooLong, Refusal.NoId));
        Assert.That(server.Find("pump-1"), Is.Null);
        Assert.That(server.Find("pump-2"), Is.Null);
    }

    private Task<IotLinkServer> ServeAsync(bool withTls) => Ends.ServeAsync(o => withTls
        ? o with { Tls = new() { ServerCertificate = authority.IssueServer() } }
        : o with { KeyOf = Keys.Find });

    private IotLinkClient Connect(BadNetwork network, bool withTls) => Ends.Connect(network.Port, o => withTls
        ? o with { Tls = new() { CertificateChainPolicy = authority.Policy() } }
        : o with { Key = Keys.Find("pump-1") });
}
