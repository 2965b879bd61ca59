using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>An observer that throws ends its own subscription, and a notice tells it.</summary>
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
        Assert.That((notice.Detail, notice.Error!.Message), Is.EqualTo(("an observer threw InvalidOperationException: one", "one")));
        Assert.That(notices.Values, Has.Count.EqualTo(1));
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

        Assert.That(told.Select(n => n.Error!.Message), Is.EquivalentTo(["replayed state", "notice", "heartbeat", "heard", "state"]));
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
}
