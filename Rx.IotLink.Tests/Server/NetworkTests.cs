using System.Reactive;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using NUnit.Framework;
using Rx.IotLink.Tests.Simulation;

namespace Rx.IotLink.Tests.Server;

/// <summary>The network under a client: it is watched before it is trusted.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class NetworkTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Test]
    public void A_network_that_came_up_and_went_again_is_not_used_and_one_that_stays_is()
    {
        using var radio = new Radio { WatchFor = 4 * Second };
        using var link = SimulatedLink.Start(client: o => o with { Network = radio, ConnectTimeout = 2 * Second });
        var notices = link.Network.Record(link.Client.Notices);
        link.Run(3 * Second);
        radio.Lost.OnNext(Unit.Default);
        link.Run(TimeSpan.FromMilliseconds(1));
        Assert.That(notices.Values.Select(notice => notice.Kind), Is.EqualTo([LinkNoticeKind.ConnectFailed]));
        Assert.That(notices.Values[0].Detail, Does.StartWith("The network came up and went again."));

        // The first pause is half a second at most; then it is watched for four again.
        link.Run(4 * Second);
        Assert.That(link.Path.Attempts, Is.Empty);
        link.Run(Second);
        Assert.That((link.Path.Attempts.Count, link.Client.State.FirstAsync().GetAwaiter().GetResult().IsUp, radio.Watchers), Is.EqualTo((1, true, 0)));
    }

    [Test]
    public void A_network_that_is_not_watched_is_used_at_once()
    {
        using var radio = new Radio();
        using var link = SimulatedLink.Start(client: o => o with { Network = radio });
        link.Run(Second);
        Assert.That(link.Path.Attempts, Is.EqualTo([TimeSpan.Zero]));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void One_that_throws_is_a_failed_attempt(bool atOnce)
    {
        using var radio = new Radio { WatchFor = Second, Fault = atOnce ? new InvalidOperationException("no radio") : null };
        using var link = SimulatedLink.Start(client: o => o with { Network = radio });
        var notices = link.Network.Record(link.Client.Notices);
        link.Run(TimeSpan.FromMilliseconds(100));
        if (!atOnce)
            radio.Lost.OnError(new InvalidOperationException("no radio"));
        // The first attempt may have failed before anybody could observe it.
        link.Run(Second);
        Assert.That(notices.Values[0].Detail, Does.StartWith("no radio"));
    }

    private sealed class Radio : INetwork, IDisposable
    {
        private readonly TimeSpan watchFor;
        private int watchers;

        public TimeSpan WatchFor
        {
            get => Fault is null ? watchFor : throw Fault;
            init => watchFor = value;
        }

        public Exception? Fault { get; init; }

        public Subject<Unit> Lost { get; } = new();

        public int Watchers => watchers;

        IObservable<Unit> INetwork.Lost => Observable.Defer(() =>
        {
            Interlocked.Increment(ref watchers);
            return Lost.Finally(() => Interlocked.Decrement(ref watchers));
        });

        public IObservable<Unit> BringUp() => Observable.Empty<Unit>();

        public IObservable<Unit> BringDown() => Observable.Empty<Unit>();

        public void Dispose() => Lost.Dispose();
    }
}
