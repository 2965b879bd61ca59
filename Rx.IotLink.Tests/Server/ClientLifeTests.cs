using System.Net;
using System.Net.Sockets;
using System.Reactive;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using NUnit.Framework;
using NUnit.Framework.Constraints;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>A client that finds no server, or is not let in.</summary>
public sealed class ClientLifeTests : ServerTest
{
    private static readonly IotLinkClientOptions Lost = ClientOptions(new IPEndPoint(IPAddress.Loopback, 1)) with { Host = "host.invalid" };

    [Test]
    public async Task A_host_that_is_unknown_is_tried_again_and_reported_as_a_notice()
    {
        var client = StartClient(Lost);

        var notices = await client.Notices.Record().TakeAsync(2);

        Assert.That(notices.Select(n => n.Kind), Is.All.EqualTo(LinkNoticeKind.ConnectFailed));
        Assert.That(notices[0].Detail, Does.Contain("host.invalid:1").And.Contain("follows in"));
        Assert.That(client.State.Record().Values.Single().Status, Is.EqualTo(LinkStatus.Connecting));
    }

    [Test]
    public async Task A_first_connection_that_must_not_fail_and_does_refuses_the_link_for_good()
    {
        var gate = new GatedNetwork();
        var client = StartClient(Lost with { FirstConnection = FirstConnection.Fail, Network = gate });
        var (lines, states) = (client.Lines.Record(), client.State.Record());
        var (write, read, drain) = (client.WriteAsync("lost"), client.ReadLineAsync(), client.DrainAsync());
        var waiting = client.WaitUntilUpAsync();

        gate.Open();

        Assert.That(async () => await waiting.Within(), Refused);
        Assert.That(async () => await lines.Ended.Within(), Refused);
        Assert.That(async () => await read.Within(), Refused);
        Assert.That(async () => await write.Within(), Refused);
        Assert.That(async () => await drain.Within(), Refused);
        await states.Ended.Within();
        Assert.That(states.Values[^1].Status, Is.EqualTo(LinkStatus.Refused));
        Assert.That(async () => await client.WriteAsync("late").Within(), Refused);
        Assert.That(async () => await client.Lines.Record().Ended.Within(), Refused);
        Assert.That(async () => await client.WaitUntilUpAsync().Within(), Refused);
        await client.CloseAsync().Within();
        await client.DisposeAsync().Within();
    }

    [Test]
    public async Task A_first_connection_that_is_not_let_in_refuses_the_link_too()
    {
        var server = await StartServerAsync(ServerOptions with { UnknownIds = UnknownIdPolicy.Refuse });
        var client = StartClient(ClientOptions(server.EndPoint) with { FirstConnection = FirstConnection.Fail });

        Assert.That(async () => await client.WaitUntilUpAsync().Within(), Throws.InstanceOf<LinkRefusedException>());
    }

    [Test]
    public async Task A_client_that_may_fail_first_still_heals_what_comes_later()
    {
        var server = await StartServerAsync(ServerOptions with { Timeout = TimeSpan.FromMilliseconds(500) });
        var wire = Own(new Wire(server.EndPoint));
        var client = StartClient(ClientOptions(wire.EndPoint) with { Timeout = TimeSpan.FromMilliseconds(500), FirstConnection = FirstConnection.Fail });
        var states = client.State.Record();
        await states.FirstAsync(s => s is { Status: LinkStatus.Up, Connections: 1 });

        wire.Reset();

        await states.FirstAsync(s => s is { Status: LinkStatus.Up, Connections: 2 });
    }

    [Test]
    public async Task A_client_that_starts_before_its_server_comes_up_when_it_does()
    {
        var first = await StartServerAsync();
        await first.DisposeAsync().Within();
        var client = StartClient(first);
        await client.Notices.FirstAsync(n => n.Kind == LinkNoticeKind.ConnectFailed);

        await StartServerAsync(ServerOptions with { Port = first.EndPoint.Port });

        await client.WaitUntilUpAsync().Within();
    }

    [Test]
    public async Task A_client_that_starts_anew_is_reported_and_its_lines_are_new()
    {
        var server = await StartServerAsync();
        // Recorded from the link's first moment: notices are not repeated for later observers.
        var link = server.Links.FirstAsync().ToTask();
        var lives = new List<string>();
        Recorder<string>? received = null;
        Recorder<LinkNotice>? restarts = null;
        for (var process = 0; process < 3; process++)
        {
            var client = StartClient(server);
            received ??= (await link.Within()).Lines.Record();
            restarts ??= (await link).Notices.Where(n => n.Kind == LinkNoticeKind.PeerRestarted).Record();
            for (var i = 0; i < 3; i++)
            {
                lives.Add($"{process} {i}");
                await client.WriteAsync(lives[^1]).Within();
            }

            await client.DisposeAsync().Within();
            await (await link).State.FirstAsync(s => !s.IsUp);
        }

        await restarts!.UntilAsync(r => r.Count == 2);
        Assert.That(received!.Values, Is.EqualTo(lives));
    }

    [Test]
    public async Task A_server_that_accepts_and_says_nothing_is_given_up_after_twice_the_timeout()
    {
        using var deaf = new TcpListener(IPAddress.Loopback, 0);
        deaf.Start();
        var client = StartClient(ClientOptions((IPEndPoint)deaf.LocalEndpoint) with { Timeout = Short });

        var notice = await client.Notices.FirstAsync(n => n.Kind == LinkNoticeKind.ConnectFailed);

        Assert.That(notice.Detail, Does.Contain("nothing was received for 0.6 s"));
        using var first = await deaf.AcceptSocketAsync().Within();
        using var second = await deaf.AcceptSocketAsync().Within();
    }

    /// <summary>
    /// Protocol 1 has no word for a refusal, so that the client can only name the causes: the likely ones first.
    /// </summary>
    [Test]
    public async Task A_client_of_protocol_1_whose_id_is_live_learns_the_likely_causes()
    {
        var server = await StartServerAsync();
        var client = StartClient(ClientOptions(server.EndPoint) with { Protocol = 1 });
        await client.WaitUntilUpAsync().Within();

        var second = StartClient(ClientOptions(server.EndPoint) with { Protocol = 1, Timeout = Short });

        var notice = await second.Notices.FirstAsync(n => n.Kind == LinkNoticeKind.ConnectFailed);
        Assert.That(notice.Detail, Does.StartWith($"{server.EndPoint} closed the connection without an answer: in protocol 1 that means a connection of id '1' is live "
            + "(of another device, or the last one of this device, which the server still believes in), or the server does not expect the id, or is full"));
        Assert.That(notice.Detail, Does.Contain("TLS"), "a less likely cause, named last");
    }

    [Test]
    public async Task A_server_of_protocol_1_that_resets_the_connection_is_understood_in_the_same_way()
    {
        using var full = new TcpListener(IPAddress.Loopback, 0);
        full.Start();
        _ = ResetEachAsync(full);

        var client = StartClient(ClientOptions((IPEndPoint)full.LocalEndpoint) with { Protocol = 1, Timeout = Short });

        var notice = await client.Notices.FirstAsync(n => n.Kind == LinkNoticeKind.ConnectFailed);

        Assert.That(notice.Detail, Does.Contain("closed the connection without an answer: in protocol 1 that means a connection of id '1' is live"));
    }

    [Test]
    public async Task Closing_ends_the_attempts_to_connect()
    {
        using var deaf = new TcpListener(IPAddress.Loopback, 0);
        deaf.Start();
        var client = StartClient(ClientOptions((IPEndPoint)deaf.LocalEndpoint) with { Protocol = 1 });
        using var connection = await deaf.AcceptSocketAsync().Within();
        var waiting = client.WaitUntilUpAsync();
        var buffer = new byte[16];
        Assert.That(await connection.ReceiveAsync(buffer).Within(), Is.EqualTo(2), "its id");

        await client.CloseAsync().Within();

        Assert.That(async () => await waiting.Within(), Throws.InstanceOf<LinkClosedException>());
        Assert.That(await connection.ReceiveAsync(buffer).Within(), Is.Zero, "its end");
    }

    private static async Task ResetEachAsync(TcpListener listener)
    {
        while (true)
        {
            using var connection = await listener.AcceptSocketAsync();
            await connection.ReceiveAsync(new byte[16]);
            connection.Close(0);
        }
    }

    private static EqualConstraint Refused => Throws.InstanceOf<LinkRefusedException>()
        .With.Property("Id").EqualTo("1").And.Message.Contains("host.invalid:1").And.Property("Outage").Property("Reason").EqualTo(OutageReason.ConnectFailed);

    private sealed class GatedNetwork : INetwork
    {
        private readonly TaskCompletionSource open = new();

        public void Open() => open.SetResult();

        public IObservable<Unit> BringUp() => open.Task.ToObservable();

        public IObservable<Unit> BringDown() => Observable.Empty<Unit>();
    }
}
