using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Stores;

/// <summary>
/// A store whose calls wait for ever holds up what it is to keep, and nothing else.
/// </summary>
public sealed class BlockingStoreTests : ServerTest
{
    /// <summary>Keepalives every 2.5 s, and no outage for a busy machine alone.</summary>
    private static readonly TimeSpan TenSeconds = TimeSpan.FromSeconds(10);

    private readonly ManualResetEventSlim released;

    public BlockingStoreTests() => released = Own(new ManualResetEventSlim());

    [TearDown]
    public void Release() => released.Set();

    /// <summary>More than the thread pool has to spare, on a small machine too.</summary>
    [Test]
    public async Task Links_of_a_blocked_store_live_and_no_other_link_notices()
    {
        var count = Math.Max(40, 3 * Environment.ProcessorCount);
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // A device whose session begins waits for the store.
        using var allAreUp = new ManualResetEventSlim();
        var server = await StartServerAsync(ServerOptions with { Timeout = TenSeconds, SessionStore = Blocking(nameof(SessionRecordKind.Accept), () => entered.TrySetResult(), allAreUp) });
        var other = await StartServerAsync(ServerOptions with { Timeout = TenSeconds, SessionStore = new BreakableStore() });
        using var reading = server.Links.Merge(other.Links).Subscribe(link => link.Lines.Subscribe(_ => { }));
        var clients = Enumerable.Range(0, count).Select(n => StartClient(ClientOptions(server.EndPoint, $"{n}") with { Timeout = TenSeconds })).ToList();
        var states = clients.Select(client => client.State.Record()).ToList();
        var good = StartClient(ClientOptions(other.EndPoint, "good") with { Timeout = TenSeconds });
        var goodStates = good.State.Record();
        await Task.WhenAll(clients.Select(client => client.WaitUntilUpAsync())).Within("all are up");
        await good.WaitUntilUpAsync().Within();
        allAreUp.Set();

        var writes = clients.Select(client => client.WriteAsync("never kept")).ToList();
        await entered.Task.Within("the store blocks");
        // What each link says of itself does not wait for the store, and keepalives go on, on every link.
        var heard = clients.Append(good).Select(client => client.Heartbeat.FirstAsync(_ => true, "a keepalive")).ToList();
        foreach (var n in Enumerable.Range(0, 30))
        {
            await good.WriteAsync($"{n}").Within("another device's line is accepted");
            Assert.That(server.GetConnections(), Has.Count.EqualTo(count));
        }

        await Task.WhenAll(heard).Within("keepalives");
        Assert.Multiple(() =>
        {
            Assert.That(goodStates.Values.Count(s => s.Status == LinkStatus.Down), Is.Zero, "another link went down");
            Assert.That(states.Sum(s => s.Values.Count(v => v.Status == LinkStatus.Down)), Is.Zero, "a link went down whose store blocks");
            Assert.That(writes.Count(w => w.IsCompleted), Is.Zero, "what is not kept is not accepted");
        });
        released.Set();
        await Task.WhenAll(writes).Within("what was kept in the end is accepted");
    }

    [TestCase(nameof(SessionRecordKind.Add))]
    [TestCase(nameof(SessionRecordKind.RemoveThrough))]
    [TestCase(nameof(SessionRecordKind.Accept))]
    public async Task What_a_link_says_of_itself_does_not_wait_for_its_store(string call)
    {
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var server = await StartServerAsync(ServerOptions with { SessionStore = Blocking(call, () => entered.TrySetResult()) });
        var client = StartClient(server);
        var link = await server.WaitForAsync("1").Within();
        using var reading = link.Lines.Subscribe(_ => { });
        using var readingToo = client.Lines.Subscribe(_ => { });
        await link.WaitUntilUpAsync().Within();

        var writes = new[] { Task.Run(() => link.WriteAsync("down")), Task.Run(() => client.WriteAsync("up")) };
        await entered.Task.Within("the store blocks");
        var counters = await Task.Run(() => link.Counters).Within("its counters");
        var connections = await Task.Run(server.GetConnections).Within("the roll of devices");

        Assert.That((counters.Outages, connections.Count), Is.EqualTo((0L, 1)));
        released.Set();
        await Task.WhenAll(writes).Within("both are accepted in the end");
    }

    /// <summary>A store that blocks for ever does not hold up the end.</summary>
    [Test]
    public async Task A_client_is_closed_although_its_store_blocks()
    {
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var server = await StartServerAsync(ServerOptions with { Timeout = Short });
        var client = StartClient(ClientOptions(server.EndPoint) with { Timeout = Short, SessionStore = Blocking(nameof(SessionRecordKind.Add), () => entered.TrySetResult()) });
        await client.WaitUntilUpAsync().Within();
        var write = Task.Run(() => client.WriteAsync("never sent"));
        await entered.Task.Within("the store blocks");

        await client.CloseAsync().Within();

        Assert.That(async () => await write.Within(), Throws.InstanceOf<LinkClosedException>());
    }

    private BreakableStore Blocking(string call, Action entered, ManualResetEventSlim? from = null) => new()
    {
        Before = name =>
        {
            if (name != call || released.IsSet || from is { IsSet: false })
                return;
            entered();
            released.Wait();
        },
    };
}
