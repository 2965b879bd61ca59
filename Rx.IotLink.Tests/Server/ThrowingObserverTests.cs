using System.Reactive.Concurrency;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>An observer that throws ends its own subscription, and a notice reports it.</summary>
public sealed class ThrowingObserverTests : ServerTest
{
    [Test]
    public async Task One_that_throws_at_a_line_harms_itself_alone()
    {
        var server = await StartServerAsync();
        var peer = await JoinAsync(server);
        var link = server.Find("1")!;
        var notices = link.Notices.Record();
        var (before, thrown) = (link.Lines.Record(), new List<string>());
        link.Lines.Subscribe(line =>
        {
            thrown.Add(line);
            throw new InvalidOperationException(line);
        });
        var after = link.Lines.Record();
        await peer.SayAsync("00one\n");
        Assert.That(await peer.HearLineAsync(), Is.EqualTo("00"));
        await peer.SayAsync("01two\n");
        Assert.That(await peer.HearLineAsync(), Is.EqualTo("01"));

        Assert.That(await before.TakeAsync(2), Is.EqualTo(["one", "two"]));
        Assert.That(await after.TakeAsync(2), Is.EqualTo(["one", "two"]));
        Assert.That(thrown, Is.EqualTo(["one"]));
        var notice = await notices.FirstAsync(n => n.Kind == LinkNoticeKind.ObserverFailed);
        Assert.That(notice.Error!.Message, Is.EqualTo("one"));
        Assert.That(notice.Detail, Does.StartWith("an observer of Lines threw InvalidOperationException: one; its subscription has ended;").And.Not.Contain("unread"), "others are left");
        Assert.That(notices.Values, Has.Count.EqualTo(1));
    }

    /// <summary>The notice is true: no observer reads, and the device waits.</summary>
    [Test]
    public async Task Where_it_was_the_last_the_notice_says_that_further_lines_wait_unread()
    {
        var server = await StartServerAsync();
        var client = StartClient(server);
        var link = await server.WaitForAsync("1").Within();
        var notices = link.Notices.Record();
        link.Lines.Subscribe(_ => throw new InvalidOperationException("mine"));
        await client.WriteAsync("one").Within();

        var notice = await notices.FirstAsync(n => n.Kind == LinkNoticeKind.ObserverFailed);

        Assert.That(notice.Detail, Does.Contain("; nobody observes the lines of this link now, and further ones wait unread and are not acknowledged;"));
        var second = client.WriteAsync("two");
        await Bound.EventuallyAsync(() => link.Counters.Inbox == 1);
        Assert.That(second.IsCompleted, Is.False);
        var lines = link.Lines.Record();
        await second.Within();
        Assert.That(lines.Values, Is.EqualTo(["two"]));
    }

    /// <summary>As README has it: a subscription for each device.</summary>
    [Test]
    public async Task A_handler_that_throws_at_a_line_of_one_device_is_still_called_for_the_others()
    {
        var server = await StartServerAsync();
        var handled = new Recorder<string>();
        server.Links.Subscribe(link => link.Lines.Subscribe(line =>
        {
            if (line == "poison")
                throw new InvalidOperationException("mine");
            handled.OnNext($"{link.Id}: {line}");
        }));
        var (bad, good) = (StartClient(server, "bad"), StartClient(server, "good"));

        await bad.WriteAsync("poison").Within();
        await good.WriteAsync("one").Within();
        await good.WriteAsync("two").Within();

        Assert.That(handled.Values, Is.EqualTo(["good: one", "good: two"]));
    }

    /// <summary>
    /// The trap: one subscription for all. The notice of the link whose line it was says so, since the others cannot.
    /// </summary>
    [Test]
    public async Task One_subscription_to_several_links_ends_for_all_and_the_notice_says_that_it_may()
    {
        var server = await StartServerAsync();
        using var subscription = server.Links.SelectMany(link => link.Lines).Subscribe(_ => throw new InvalidOperationException("mine"));
        var (bad, good) = (StartClient(server, "bad"), StartClient(server, "good"));
        var notices = (await server.WaitForAsync("bad").Within()).Notices.Record();
        var other = await server.WaitForAsync("good").Within();

        await bad.WriteAsync("poison").Within();

        var notice = await notices.FirstAsync(n => n.Kind == LinkNoticeKind.ObserverFailed);
        Assert.That(notice.Detail, Does.EndWith("; if it was one subscription to several links (SelectMany, Merge), it has ended for the others too"));
        _ = good.WriteAsync("one");
        await Bound.EventuallyAsync(() => other.Counters.Inbox == 1);
    }

    /// <summary>One that was disposed before the server is the usual one.</summary>
    [TestCase(0)]
    [TestCase(3)]
    [TestCase(20)]
    public async Task A_scheduler_of_observers_that_throws_stops_nothing(int goodFor)
    {
        var scheduler = new Failing(goodFor);
        var server = await StartServerAsync(ServerOptions with { ObserverScheduler = scheduler });
        var (lines, changes, links) = (new Recorder<string>(), server.Changes.Record(), server.Links.Record());
        server.Links.Subscribe(link => link.Lines.Subscribe(lines));
        var client = StartClient(server);
        for (var n = 0; n < 20; n++)
            await client.WriteAsync($"{n}").Within();

        await server.StopAsync().Within();

        Assert.That(lines.Values, Is.EqualTo(Enumerable.Range(0, 20).Select(n => $"{n}")));
        Assert.That(scheduler.HasThrown, Is.True);
        await Task.WhenAll(lines.Ended, changes.Ended, links.Ended).Within("all get the end");
    }

    [Test]
    public async Task So_it_is_with_states_heartbeats_and_notices()
    {
        var server = await StartServerAsync();
        var peer = await JoinAsync(server);
        var link = server.Find("1")!;
        var (states, beats, notices) = (link.State.Record(), link.Heartbeat.Record(), link.Notices.Record());
        link.Notices.Subscribe(_ => throw new InvalidOperationException("notice"));
        link.State.Subscribe(_ => throw new InvalidOperationException("replayed state"));
        link.State.Skip(1).Subscribe(_ => throw new InvalidOperationException("state"));
        link.Heartbeat.Subscribe(_ => throw new InvalidOperationException("heartbeat"));
        link.Heard.Subscribe(_ => throw new InvalidOperationException("heard"));
        await peer.SayAsync("\n");
        await beats.TakeAsync(1);
        peer.Dispose();
        await states.FirstAsync(s => !s.IsUp);

        var told = await notices.TakeAsync(5);

        Assert.That(told.Select(n => n.Detail), Is.EquivalentTo((string[])
        [
            "an observer of State threw InvalidOperationException: replayed state; its subscription has ended",
            "an observer of Notices threw InvalidOperationException: notice; its subscription has ended",
            "an observer of Heartbeat threw InvalidOperationException: heartbeat; its subscription has ended",
            "an observer of Heard threw InvalidOperationException: heard; its subscription has ended",
            "an observer of State threw InvalidOperationException: state; its subscription has ended",
        ]));
        await JoinAsync(server);
        await states.FirstAsync(s => s.Connections == 2);
    }

    /// <summary>An exception on a thread of observers would end the process, this one too.</summary>
    [Test]
    public async Task So_it_is_with_the_observer_of_a_write()
    {
        var server = await StartServerAsync();
        var peer = await JoinAsync(server);
        var link = server.Find("1")!;
        var notices = link.Notices.Record();
        Written(link, "one").Subscribe(_ => throw new InvalidOperationException("written"));
        await peer.SayAsync("\n");
        Assert.That(await peer.HearLineAsync(), Is.EqualTo("00one"));
        await peer.SayAsync("00\n");

        Assert.That((await notices.TakeAsync(1))[0].Error!.Message, Is.EqualTo("written"));
    }

    [Test]
    public async Task A_write_whose_failure_nobody_observes_fails_alone()
    {
        var server = await StartServerAsync();
        await JoinAsync(server);
        Written(server.Find("1")!, "never accepted").Subscribe();
        Written(server.Find("1")!, "never accepted either").Subscribe(_ => { });

        await server.StopAsync().Within();

        // Its observer has no OnError, for which Rx throws where OnError is called.
        await JoinAsync(await StartServerAsync());
    }

    /// <summary>Takes so many pieces of work, and throws at all others.</summary>
    private sealed class Failing(int goodFor) : IScheduler
    {
        private int taken;

        public bool HasThrown => Volatile.Read(ref taken) > goodFor;

        public DateTimeOffset Now => DefaultScheduler.Instance.Now;

        public IDisposable Schedule<TState>(TState state, Func<IScheduler, TState, IDisposable> action) =>
            Interlocked.Increment(ref taken) <= goodFor ? DefaultScheduler.Instance.Schedule(state, action) : throw new ObjectDisposedException(nameof(EventLoopScheduler));

        public IDisposable Schedule<TState>(TState state, TimeSpan dueTime, Func<IScheduler, TState, IDisposable> action) => throw new NotSupportedException();

        public IDisposable Schedule<TState>(TState state, DateTimeOffset dueTime, Func<IScheduler, TState, IDisposable> action) => throw new NotSupportedException();
    }
}
