using System.Reactive.Concurrency;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>
/// Our server ends connections by FIN: a micropython-iot client that is reset may hang for ever. A scripted socket
/// reads 0 bytes then; a RST would be a SocketException.
/// </summary>
public sealed class EndOfConnectionTests : ServerTest
{
    [Test]
    public async Task By_FIN_after_a_protocol_error()
    {
        var server = await StartServerAsync();
        var peer = await JoinAsync(server);
        await peer.SayAsync("zz\n");

        Assert.That(await peer.HearToEndAsync(), Is.Empty);
    }

    [Test]
    public async Task By_FIN_after_a_silence()
    {
        var server = await StartServerAsync(ServerOptions with { Timeout = Short });
        var peer = await JoinAsync(server);

        Assert.That(await peer.HearToEndAsync(), Is.Empty);
        var down = await server.Find("1")!.State.FirstAsync(s => !s.IsUp);
        Assert.That(down.Outage!.Reason, Is.EqualTo(OutageReason.Silence));
    }

    /// <summary>
    /// One who writes at the very moment at which a connection is opened must not prolong the silence that is endured
    /// on it.
    /// </summary>
    [Test]
    public async Task After_one_timeout_of_silence_whoever_writes_while_the_connection_opens()
    {
        var scheduler = new HookedScheduler();
        var server = await StartServerAsync(ServerOptions with { Timeout = Short, Scheduler = scheduler, OutboxLines = 1_000 });
        (await JoinAsync(server)).Dispose();
        var link = server.Find("1")!;
        await link.State.FirstAsync(s => !s.IsUp);
        scheduler.Hook = () => link.Writer.OnNext("in between");

        await JoinAsync(server);
        scheduler.Hook = null;

        var down = await link.State.FirstAsync(s => s is { IsUp: false, Connections: 2 });
        Assert.That(down.Outage, Is.EqualTo(new Outage(OutageReason.Silence, "nothing was received for 0.3 s")));
    }

    [Test]
    public async Task By_FIN_after_a_silence_in_which_a_message_waited_for_its_acknowledgement()
    {
        var server = await StartServerAsync(ServerOptions with { Timeout = Short });
        var peer = await JoinAsync(server);
        _ = (await server.WaitForAsync("1").Within()).WriteAsync("hello");
        await peer.SayAsync("\n");

        Assert.That(await peer.HearToEndAsync(), Has.All.EqualTo("00hello"));
    }

    [Test]
    public async Task By_FIN_after_an_id_that_is_refused_because_it_is_live()
    {
        var server = await StartServerAsync();
        await JoinAsync(server);
        var second = await ConnectAsync(server, "1");

        Assert.That(await second.HearToEndAsync(), Is.Empty);
    }

    [Test]
    public async Task By_FIN_at_StopAsync()
    {
        var server = await StartServerAsync();
        var (served, opening) = (await JoinAsync(server), await ConnectAsync(server));
        await Bound.EventuallyAsync(() => server.Counters.Openings == 1);

        await server.StopAsync().Within();

        Assert.That(await served.HearToEndAsync(), Is.Empty);
        Assert.That(await opening.HearToEndAsync(), Is.Empty);
    }

    [Test]
    public async Task By_FIN_when_a_client_of_ours_is_closed()
    {
        var server = await StartServerAsync();
        var client = StartClient(server);
        await client.WaitUntilUpAsync().Within();

        await client.CloseAsync().Within();

        var down = await server.Find("1")!.State.FirstAsync(s => !s.IsUp);
        Assert.That(down.Outage!.Reason, Is.EqualTo(OutageReason.PeerLeft));
    }

    /// <summary>The default scheduler, with something done whenever it is asked to schedule.</summary>
    private sealed class HookedScheduler : LocalScheduler
    {
        [ThreadStatic]
        private static bool hooked;

        public Action? Hook { get; set; }

        public override IDisposable Schedule<TState>(TState state, TimeSpan dueTime, Func<IScheduler, TState, IDisposable> action)
        {
            if (!hooked && Hook is { } hook)
            {
                hooked = true;
                hook();
                hooked = false;
            }

            return DefaultScheduler.Instance.Schedule(state, dueTime, action);
        }
    }
}
