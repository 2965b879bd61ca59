using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>The sleep of a device that saves its battery.</summary>
public sealed partial class IotLinkClient
{
    private const int Awake = 0;
    private const int Asleep = 1;

    /// <summary>Awake again, and no attempt to connect has ended since.</summary>
    private const int Waking = 2;

    private int sleep;
    private TimeSpan sleepsFor;

    private bool IsAsleep => Volatile.Read(ref sleep) == Asleep;

    /// <summary>
    /// Sleeps: announces to the server for how long, closes the connection, takes the network down, and does not try to
    /// connect before that time is over. Then the client connects at once, and the session resumes in one round trip.
    /// The server shows <see cref="LinkStatus.Asleep"/>, and no outage. Lines that are written meanwhile, at either
    /// end, wait.
    /// </summary>
    /// <param name="duration">How long; 1 s to 366 days. The server gets full seconds, rounded up.</param>
    /// <param name="cancellationToken">Wakes it earlier.</param>
    /// <returns>
    /// A task that completes when the client wakes: after the duration, or when the link is closed. It does not wait
    /// for written lines: await them, or <see cref="DrainAsync"/>, first.
    /// </returns>
    /// <remarks>
    /// A link that is not up, or speaks protocol 1, cannot announce it: then the server shows an outage.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="duration"/> is out of its range.</exception>
    /// <exception cref="InvalidOperationException">It sleeps already.</exception>
    /// <exception cref="LinkClosedException">The link is closed.</exception>
    /// <exception cref="OperationCanceledException">It was woken earlier.</exception>
    public async Task SleepAsync(TimeSpan duration, CancellationToken cancellationToken = default)
    {
        Require.InRange(duration, TimeSpan.FromSeconds(1), TimeSpan.FromDays(366), nameof(duration));
        cancellationToken.ThrowIfCancellationRequested();
        if (link.Current is { IsFinal: true } final)
            throw new LinkClosedException(Id, final.Outage!.Detail);
        if (Interlocked.Exchange(ref sleep, Asleep) == Asleep)
            throw new InvalidOperationException("This client sleeps already.");
        sleepsFor = duration;
        try
        {
            // No attempt goes on. A connection that is made at this moment is closed again.
            connecting.Disposable = Disposable.Empty;
            var woken = new Waiter<Unit>(options.Continuations);
            woken.GiveUpWhen(_ => { }, cancellationToken);
            using var wakes = Observable.Timer(duration, options.Scheduler).Subscribe(_ => woken.TrySetResult(Unit.Default));
            using var ends = link.State.Where(state => state.IsFinal).Subscribe(_ => woken.TrySetResult(Unit.Default));
            // The radio goes when the farewell is sent, or cannot be.
            using var down = link.FallAsleep(duration).ToObservable().IgnoreElements().Concat(BringDown()).Subscribe(_ => { }, _ => { });
            await woken.Task.ConfigureAwait(false);
        }
        finally
        {
            WakeUp();
        }
    }

    private void WakeUp()
    {
        (failures, reachedServer, connectionsSeen) = (0, false, link.Current.Connections);
        Volatile.Write(ref sleep, Waking);
        // A client that is closed by now disposes of it at once.
        connecting.Disposable = ConnectForEver().Subscribe();
    }

    private IObservable<Unit> BringDown() =>
        Observable.Defer(options.Network.BringDown).IgnoreElements().Catch((Exception exception) => NotDown(exception));
}
