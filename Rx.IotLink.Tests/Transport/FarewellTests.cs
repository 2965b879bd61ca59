using System.Net.Security;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Security;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Transport;

/// <summary>
/// An orderly end is heard as one, though the peer writes all the time: a socket that is closed over what has come
/// sends RST, which throws the farewell away.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class FarewellTests : ServerTest
{
    private const int Closes = 50;

    [TestCase(false, 1)]
    [TestCase(false, 2)]
    [TestCase(true, 2)]
    public async Task Of_a_client_while_the_server_writes(bool tls, int protocol)
    {
        using var authority = new Authority();
        var server = await StartServerAsync(OverTls(ServerOptions, tls ? authority : null));
        var ends = new List<OutageReason>();
        for (var close = 0; close < Closes; close++)
        {
            var client = StartClient(OverTls(ClientOptions(server.EndPoint, $"{close}"), tls ? authority : null) with { Protocol = protocol });
            await client.WaitUntilUpAsync().Within();
            var link = await server.WaitForAsync($"{close}").Within();
            var heard = client.ReadLineAsync();
            using var over = new CancellationTokenSource();
            var writing = FloodAsync(link, over.Token);
            await heard.Within();
            await client.CloseAsync().Within();
            ends.Add((await link.State.FirstAsync(s => !s.IsUp)).Outage!.Reason);
            await over.CancelAsync();
            await writing.Within();
        }

        // Protocol 1 has no farewell: its client ends the connection, and that must not be a reset.
        Assert.That(ends, Is.All.EqualTo(protocol == 2 ? OutageReason.PeerLeft : OutageReason.ClosedByPeer));
    }

    [Test]
    public async Task Of_a_server_while_the_clients_write([Values] bool tls)
    {
        using var authority = new Authority();
        var server = await StartServerAsync(OverTls(ServerOptions, tls ? authority : null));
        var clients = Enumerable.Range(0, Closes).Select(n => StartClient(OverTls(ClientOptions(server.EndPoint, $"{n}"), tls ? authority : null))).ToList();
        await Task.WhenAll(clients.Select(c => c.WaitUntilUpAsync())).Within();
        var ends = clients.Select(c => c.State.FirstAsync(s => !s.IsUp && s.Connections == 1)).ToList();
        var links = await Task.WhenAll(clients.Select(c => server.WaitForAsync(c.Id))).Within();
        var heard = links.Select(l => l.ReadLineAsync()).ToList();
        using var over = new CancellationTokenSource();
        var writing = clients.Select(c => FloodAsync(c, over.Token)).ToList();
        await Task.WhenAll(heard).Within();

        await server.StopAsync().Within();

        Assert.That((await Task.WhenAll(ends).Within()).Select(s => s.Outage!.Reason), Is.All.EqualTo(OutageReason.PeerLeft));
        await over.CancelAsync();
        await Task.WhenAll(writing).Within();
    }

    /// <summary>What was accepted is acknowledged before the end, and the acknowledgement is not lost either.</summary>
    /// <remarks>
    /// A client with no time to drain may close between the moment its reader has the line and the moment the line
    /// counts as accepted.
    /// </remarks>
    [Test]
    public async Task After_the_last_acknowledgement([Values] bool tls)
    {
        using var authority = new Authority();
        var server = await StartServerAsync(OverTls(ServerOptions, tls ? authority : null));
        for (var close = 0; close < Closes; close++)
        {
            var client = StartClient(OverTls(ClientOptions(server.EndPoint, $"{close}"), tls ? authority : null) with { DrainTimeout = Long });
            var heard = client.ReadLineAsync();
            var link = await server.WaitForAsync($"{close}").Within();
            var write = link.WriteAsync("the last line");
            using var over = new CancellationTokenSource();
            var writing = FloodAsync(link, over.Token);
            Assert.That(await heard.Within(), Is.EqualTo("the last line"));

            await client.CloseAsync().Within();

            await write.Within("it was accepted, and the write completes");
            await over.CancelAsync();
            await writing.Within();
        }
    }

    /// <summary>Writes until the link is closed, or the test has seen enough.</summary>
    private static async Task FloodAsync(ILink link, CancellationToken over)
    {
        var line = new string('x', 1_000);
        try
        {
            while (!over.IsCancellationRequested)
                await link.WriteAsync(line, Delivery.BestEffort, cancellationToken: over);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The link is closed, or the test is over.
        }
    }

    private static IotLinkServerOptions OverTls(IotLinkServerOptions options, Authority? authority) =>
        authority is null ? options : options with { Tls = new HttpsConnectionAdapterOptions { ServerCertificate = authority.IssueServer() } };

    private static IotLinkClientOptions OverTls(IotLinkClientOptions options, Authority? authority) =>
        authority is null ? options : options with { Tls = new SslClientAuthenticationOptions { CertificateChainPolicy = authority.Policy() } };
}
