using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol.Linking;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Stores;

/// <summary>
/// Stores of devices that a server does not know yet: what cannot be opened, or waits, harms that device alone.
/// </summary>
public sealed class StoreOpeningTests : ServerTest
{
    private const string Epoch = "00000000000000aa";
    private readonly ManualResetEventSlim released;

    public StoreOpeningTests() => released = Own(new ManualResetEventSlim());

    [TearDown]
    public void Release() => released.Set();

    [Test]
    public void One_that_cannot_be_opened_is_refused_and_takes_no_place([Values] bool atOnce)
    {
        using var bench = new ServerBench(o => o with { MaxUnknownIds = 3, SessionStore = Bad(atOnce) });
        for (var n = 0; n < 10; n++)
        {
            var peer = bench.Connect(ServerBench.Opening(Epoch, connection: n + 1, id: "bad"));
            Assert.That(peer.Take(), Is.EqualTo(["IOTLINK/2 no code=overloaded retry=1000\n"]), "not a word of the exception");
        }

        Assert.That(bench.Connect(ServerBench.Opening(Epoch, id: "good")).Take()[0], Does.StartWith("IOTLINK/2 ok "));
        Assert.That(bench.Server.Counters.Refused[Refusal.StoreFailed], Is.EqualTo(10));
        Assert.That(bench.Server.Counters.Links, Is.EqualTo(1));
    }

    [Test]
    public async Task The_application_learns_why_it_cannot_be_opened()
    {
        var server = await StartServerAsync(ServerOptions with { SessionStore = Bad(atOnce: false) });
        var changes = server.Changes.Record();

        var peer = await ConnectAsync(server, "bad");

        Assert.That(await peer.HearToEndAsync(), Is.Empty);
        var change = await changes.FirstAsync(c => c.Kind == LinkChangeKind.Refused);
        var logged = await Log.Entries.FirstAsync(e => e.Error is not null);
        Assert.Multiple(() =>
        {
            Assert.That((change.Id, change.Refusal, change.Link), Is.EqualTo(("bad", (Refusal?)Refusal.StoreFailed, (ILink?)null)));
            Assert.That(change.Detail, Does.Contain("IOException").And.Contain("disk of bad"));
            Assert.That(logged.Error, Is.InstanceOf<IOException>());
            Assert.That(logged.Text, Does.Contain("'bad'").And.Contain("StoreFailed"));
        });
    }

    [Test]
    public async Task Serving_never_fails_whatever_the_store_does()
    {
        using var bench = new ServerBench(o => o with { SessionStore = Bad(atOnce: true) });
        var peer = new ScriptedPeer(() => bench.Scheduler.Clock);
        var serving = bench.Server.ServeAsync(peer);

        peer.Say(ServerBench.Opening(Epoch, id: "bad") + "\n");

        await serving.Within();
        Assert.That(peer.IsDisposed);
    }

    /// <summary>
    /// A slow disk of one device is nobody else's: not of the server's front door, nor of its health.
    /// </summary>
    [Test]
    public async Task One_that_waits_stops_its_own_device_alone()
    {
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var server = await StartServerAsync(ServerOptions with { SessionStore = Slow(entered) });
        using var slow = await ConnectAsync(server, "slow");
        await entered.Task.Within("the store is being opened");

        var found = await Task.Run(() => server.Find("b")).Within("Find");
        var links = (await Task.Run(() => server.Counters).Within("Counters")).Links;
        var waiting = await Task.Run(() => (Joined: server.WaitForAsync("b"), Slow: server.WaitForAsync("slow"))).Within("WaitForAsync");
        await JoinAsync(server, "b");
        await waiting.Joined.Within();

        Assert.That((found, links, waiting.Slow.IsCompleted), Is.EqualTo(((ILink?)null, 0, false)));
        released.Set();
        Assert.That(await slow.HearAsync(), Is.Empty, "it is let in");
        await waiting.Slow.Within();
    }

    [Test]
    public async Task While_one_is_opened_it_is_not_opened_again()
    {
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var store = Slow(entered);
        var server = await StartServerAsync(ServerOptions with { SessionStore = store });
        using var first = await ConnectAsync(server, "slow");
        await entered.Task.Within("the store is being opened");

        using var second = await ConnectAsync(server, "slow");

        Assert.That(await second.HearToEndAsync(), Is.Empty, "refused");
        Assert.That(server.Counters.Refused[Refusal.IdLive], Is.EqualTo(1));
        released.Set();
        Assert.That(await first.HearAsync(), Is.Empty, "it is let in");
        Assert.That(store.Calls.Count(call => call == BreakableStore.Claim), Is.EqualTo(1));
    }

    /// <summary>The connection is not held for ever, and what was opened meanwhile is there for the next.</summary>
    [Test]
    public async Task A_connection_waits_no_longer_than_an_opening_may_take()
    {
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var server = await StartServerAsync(ServerOptions with { OpeningTimeout = TimeSpan.FromMilliseconds(100), SessionStore = Slow(entered) });
        using var first = await ConnectAsync(server, "slow");

        Assert.That(await first.HearToEndAsync(), Is.Empty, "refused");

        Assert.That(server.Counters.Refused[Refusal.StoreFailed], Is.EqualTo(1));
        released.Set();
        await server.WaitForAsync("slow").Within();
        await JoinAsync(server, "slow");
    }

    [Test]
    public async Task A_server_is_stopped_although_a_store_is_being_opened()
    {
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var server = await StartServerAsync(ServerOptions with { SessionStore = Slow(entered) });
        using var peer = await ConnectAsync(server, "slow");
        await entered.Task.Within("the store is being opened");

        await server.StopAsync().Within();

        Assert.That(server.Counters.Links, Is.Zero);
    }

    private static BreakableStore Bad(bool atOnce) => new()
    {
        ThrowsLate = !atOnce,
        BeforeClaim = id => _ = id == "bad" ? throw new IOException("disk of bad") : id,
    };

    private BreakableStore Slow(TaskCompletionSource entered) => new()
    {
        BeforeClaim = id =>
        {
            if (id != "slow")
                return;
            entered.TrySetResult();
            released.Wait();
        },
    };
}
