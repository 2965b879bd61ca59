using System.Net;
using System.Net.Sockets;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>From the start of a server to its end.</summary>
public sealed class ServerLifeTests : ServerTest
{
    [Test]
    public async Task A_port_of_0_lets_the_system_choose_one_and_EndPoint_shows_it()
    {
        var server = await StartServerAsync();

        Assert.That(server.EndPoint.Address, Is.EqualTo(IPAddress.Loopback));
        Assert.That(server.EndPoint.Port, Is.Not.Zero);
        Assert.That((await Log.Entries.FirstAsync(e => e.Id == 1)).Text, Is.EqualTo($"Listening on {server.EndPoint}"));
        await JoinAsync(server);
    }

    [Test]
    public async Task By_default_IPv4_and_IPv6_are_listened_on_and_an_IPv4_address_reads_as_one()
    {
        var server = await StartServerAsync(ServerOptions with { Bind = new IotLinkServerOptions().Bind });
        var changes = server.Changes.Record();
        Own(await RawPeer.ConnectAsync(new IPEndPoint(IPAddress.Loopback, server.EndPoint.Port), "four"));
        Own(await RawPeer.ConnectAsync(new IPEndPoint(IPAddress.IPv6Loopback, server.EndPoint.Port), "six"));

        var four = await changes.FirstAsync(c => c is { Id: "four", Kind: LinkChangeKind.Joined });
        var six = await changes.FirstAsync(c => c is { Id: "six", Kind: LinkChangeKind.Joined });
        Assert.That(((IPEndPoint)four.RemoteEndPoint!).Address, Is.EqualTo(IPAddress.Loopback));
        Assert.That(((IPEndPoint)six.RemoteEndPoint!).Address, Is.EqualTo(IPAddress.IPv6Loopback));
    }

    [Test]
    public async Task Stopping_ends_streams_links_and_listening()
    {
        var server = await StartServerAsync();
        var (links, changes) = (server.Links.Record(), server.Changes.Record());
        var peer = await JoinAsync(server);
        var link = await server.WaitForAsync("1").Within();
        var (lines, states) = (link.Lines.Record(), link.State.Record());

        await server.StopAsync().Within();

        await links.Ended.Within();
        await changes.Ended.Within();
        await lines.Ended.Within();
        await states.Ended.Within();
        Assert.That(states.Values[^1].Status, Is.EqualTo(LinkStatus.Closed));
        Assert.That(await peer.HearToEndAsync(), Is.Empty);
        Assert.That(server.Counters.Connections, Is.Zero, "it stops when every connection has ended");
        Assert.That(async () => await RawPeer.ConnectAsync(server.EndPoint), Throws.InstanceOf<SocketException>());
        Assert.That(async () => await link.WriteAsync("late").Within(), Throws.InstanceOf<LinkClosedException>());
        Assert.That(async () => await server.WaitForAsync("2").Within(), Throws.InstanceOf<LinkClosedException>().With.Property("Id").EqualTo("2"));
    }

    [Test]
    public async Task Stopping_twice_and_disposing_are_one_stop()
    {
        var server = await StartServerAsync();
        await Task.WhenAll(server.StopAsync(), server.StopAsync(), server.DisposeAsync().AsTask()).Within();
        await server.StopAsync().Within();
        await server.DisposeAsync().Within();

        Assert.That(Log.Entries.Values.Count(e => e.Id == 2), Is.EqualTo(1));
    }

    [Test]
    public async Task A_stopped_servers_port_can_be_had_again_at_once_although_it_had_connections()
    {
        var first = await StartServerAsync();
        await JoinAsync(first);
        await first.DisposeAsync().Within();

        var second = await StartServerAsync(ServerOptions with { Port = first.EndPoint.Port });

        Assert.That(second.EndPoint, Is.EqualTo(first.EndPoint));
        await JoinAsync(second);
    }

    [Test]
    public async Task A_client_finds_the_server_that_starts_again_on_the_same_port_and_what_waited_arrives()
    {
        var first = await StartServerAsync();
        var client = StartClient(ClientOptions(first.EndPoint) with { Timeout = Short });
        await client.WaitUntilUpAsync().Within();
        await first.DisposeAsync().Within();
        var write = client.WriteAsync("for whoever comes");

        var second = await StartServerAsync(ServerOptions with { Port = first.EndPoint.Port, Timeout = Short });
        var link = await second.WaitForAsync("1").Within();

        Assert.That(await link.ReadLineAsync().Within(), Is.EqualTo("for whoever comes"));
        await write.Within();
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_port_in_use_is_one_IOException_that_names_the_endpoint(bool any)
    {
        var bind = any ? IPAddress.IPv6Any : IPAddress.Loopback;
        var first = await StartServerAsync(ServerOptions with { Bind = bind });
        var taken = new IPEndPoint(bind, first.EndPoint.Port);

        Assert.That(
            async () => await StartServerAsync(ServerOptions with { Bind = bind, Port = taken.Port }),
            Throws.InstanceOf<IOException>().With.Message.EqualTo($"{taken} cannot be listened on: it is in use"));
    }

    [Test]
    public void An_address_not_of_this_machine_is_one_IOException_that_names_the_endpoint()
    {
        // TEST-NET-3 of RFC 5737 belongs to documents, to no machine.
        var elsewhere = ServerOptions with { Bind = IPAddress.Parse("203.0.113.5"), Port = 8123 };

        Assert.That(async () => await StartServerAsync(elsewhere), Throws.InstanceOf<IOException>().With.Message.Contains("203.0.113.5:8123"));
    }

    [Test]
    public async Task A_server_that_does_not_listen_has_no_EndPoint()
    {
        var server = await StartServerAsync(ServerOptions with { Listen = false });

        Assert.That(() => server.EndPoint, Throws.InvalidOperationException);
    }
}
