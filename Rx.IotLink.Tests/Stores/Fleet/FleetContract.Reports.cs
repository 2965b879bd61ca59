using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Stores.Fleet;

/// <summary>What the writer of a line learns of it.</summary>
internal abstract partial class FleetContract
{
    private static readonly WriteOptions UntilAccepted = new();

    [Test]
    public async Task A_write_until_acceptance_completes_when_the_devices_application_has_accepted_the_line()
    {
        var (server, fleet) = await StartAsync();
        // Nobody has the device yet.
        var writing = fleet.WriteAsync("pump-1", "slow", UntilAccepted);
        var device = StartClient(server, "pump-1");
        var observed = new TaskCompletionSource<ReceivedLine>();
        Own(device.Received.Subscribe(l => observed.TrySetResult(l)));
        var line = await observed.Task.Within();
        Assert.That(line.Text, Is.EqualTo("slow"));
        Assert.That(writing.IsCompleted, Is.False);
        line.Accept();
        await writing.Within();
        await Task.WhenAll(Enumerable.Range(0, 200).Select(n => WriteAndAcceptAsync(n))).Within();

        async Task WriteAndAcceptAsync(int n)
        {
            var write = fleet.WriteAsync("pump-2", Text(n), UntilAccepted);
            if (n == 0)
                Hear(StartClient(server, "pump-2"));
            await write;
        }
    }

    [Test]
    public async Task A_line_that_expires_does_not_arrive_and_its_writer_is_told()
    {
        var (server, fleet) = await StartAsync();
        var brief = UntilAccepted with { TimeToLive = TimeSpan.FromMilliseconds(50) };
        // In the outbox of the fleet: no server has the device.
        var waiting = fleet.WriteAsync("pump-1", "too late", brief);
        var expired = await Assert.CatchAsync(() => waiting.Within()) as LineExpiredException;
        Assert.That((expired?.Id, expired?.Limit, expired?.Most), Is.EqualTo(("pump-1", "TimeToLive", TimeSpan.FromMilliseconds(50))));
        // In its link: the device is away.
        var device = StartClient(server, "pump-1");
        var link = await server.WaitForAsync("pump-1").Within();
        await device.DisposeAsync();
        await link.State.FirstAsync(state => !state.IsUp, "down").Within();
        Assert.That(() => fleet.WriteAsync("pump-1", "too late, too", brief).Within(), Throws.InstanceOf<LineExpiredException>());
        var heard = Hear(StartClient(server, "pump-1"));
        await fleet.WriteAsync("pump-1", "in time", UntilAccepted with { TimeToLive = TimeSpan.FromDays(1) }).Within();
        Assert.That(heard, Is.EqualTo(["in time"]));
    }

    [Test]
    public async Task A_line_of_a_key_takes_the_place_of_the_one_that_waits_and_its_writer_is_told()
    {
        var (server, fleet) = await StartAsync();
        var keyed = UntilAccepted with { Key = "setpoint" };
        var first = fleet.WriteAsync("pump-1", "1", keyed);
        var other = fleet.WriteAsync("pump-1", "of another key", keyed with { Key = "mode" });
        await fleet.WriteAsync("pump-1", "of no key").Within();
        var second = fleet.WriteAsync("pump-1", "2", keyed);
        var replaced = await Assert.CatchAsync(() => first.Within()) as LineReplacedException;
        Assert.That((replaced?.Id, replaced?.Key), Is.EqualTo(("pump-1", "setpoint")));
        var heard = Hear(StartClient(server, "pump-1"));
        await Task.WhenAll(second, other).Within();
        Assert.That(heard, Is.EqualTo(["of another key", "of no key", "2"]));
    }

    /// <summary>Only the last value counts, so a device that is away holds one line, whatever the bound is.</summary>
    [Test]
    public async Task Lines_of_one_key_do_not_fill_the_outbox()
    {
        var (store, fleet) = await OpenAsync(TimeSpan.FromDays(1), fleetLines: 2);
        Own(store);
        for (var n = 0; n < 20; n++)
            await fleet.WriteAsync("pump-1", Text(n), new WriteOptions { Until = WrittenUntil.Stored, Key = "setpoint" }).Within();
        var server = await StartServerAsync(ServerOptions with { SessionStore = store });
        Assert.That(await StartClient(server, "pump-1").Lines.FirstAsync().Timeout(Bound.Limit), Is.EqualTo("19"));
    }

    [Test]
    public async Task A_line_that_the_link_refuses_or_whose_device_is_forgotten_ends_its_write()
    {
        var (server, fleet) = await StartAsync();
        var device = StartClient(server, "pump-1");
        var link = await server.WaitForAsync("pump-1").Within();
        var refused = await Assert.CatchAsync(() => fleet.WriteAsync("pump-1", new string('x', 1 << 20), UntilAccepted).Within());
        Assert.That(refused, Is.TypeOf<InvalidLineException>());
        Assert.That(refused!.Message, Does.Contain("pump-1").And.Contain("MaxLineBytes"));
        await device.DisposeAsync();
        await link.State.FirstAsync(state => !state.IsUp, "down").Within();
        var writing = fleet.WriteAsync("pump-1", "for nobody", UntilAccepted);
        await Bound.EventuallyAsync(() => link.Counters.Outbox > 0);
        await server.ForgetAsync("pump-1").Within();
        Assert.That(() => writing.Within(), Throws.InstanceOf<LinkClosedException>());
    }

    [Test]
    public async Task What_a_fleet_cannot_promise_is_refused_and_a_wait_can_be_given_up()
    {
        var (server, fleet) = await StartAsync();
        Assert.That(() => fleet.WriteAsync("pump-1", "a", UntilAccepted with { Delivery = Delivery.BestEffort }), Throws.ArgumentException);
        Assert.That(() => fleet.WriteAsync("pump-1", "a", UntilAccepted with { Ordering = Ordering.Concurrent }), Throws.ArgumentException);
        Assert.That(() => fleet.WriteAsync("pump-1", "a", UntilAccepted with { TimeToLive = TimeSpan.Zero }), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => fleet.WriteAsync("pump-1", "a", null!), Throws.ArgumentNullException);
        await using var connection = await ConnectAsync();
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            Assert.That(() => fleet.EnqueueAsync(transaction, "pump-1", "a", UntilAccepted), Throws.ArgumentException);
            await fleet.EnqueueAsync(transaction, "pump-1", "too late", new WriteOptions { Until = WrittenUntil.Stored, TimeToLive = TimeSpan.FromMilliseconds(1) });
            await transaction.CommitAsync();
        }

        using var enough = new CancellationTokenSource();
        var writing = fleet.WriteAsync("pump-1", "waits", UntilAccepted, enough.Token);
        Assert.That(writing.IsCompleted, Is.False);
        await enough.CancelAsync();
        Assert.That(() => writing.Within(), Throws.InstanceOf<OperationCanceledException>());
        var heard = Hear(StartClient(server, "pump-1"));
        await Bound.EventuallyAsync(() => heard.Count == 1);
        Assert.That(heard, Is.EqualTo(["waits"]), "it was kept");
    }
}
