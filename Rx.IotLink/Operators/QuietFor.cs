using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>Operators that notice when no value comes.</summary>
public static partial class LivenessOperators
{
    private static readonly TimeSpan ShortestSilence = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan LongestSilence = TimeSpan.FromDays(365);

    /// <summary>
    /// Gives one value when no value came from a source for a whole duration. The next value of the source starts the
    /// duration again.
    /// </summary>
    /// <typeparam name="T">What the source gives.</typeparam>
    /// <param name="source">The source, such as <see cref="ILink.Heard"/>.</param>
    /// <param name="duration">
    /// How long no value must come; 1 ms to 365 days. Measured from the subscription first, then from each value.
    /// </param>
    /// <param name="scheduler">The clock; the values come on it. Default <see cref="DefaultScheduler"/>.</param>
    /// <returns>
    /// One value for each silence, however long it is. It completes or fails at once when the source does; an
    /// unfinished silence then gives no value.
    /// </returns>
    /// <remarks>
    /// <c>source.StartWith(x).Select(_ => Observable.Timer(duration, scheduler)).Switch()</c> gives the same values.
    /// Here a value of the source costs neither a timer nor an allocation, and on the default scheduler all of these
    /// operators share one timer. A silence is never reported early. It is reported late when the threads of the pool
    /// are busy. If a value came from the source meanwhile, there was no silence.
    /// </remarks>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="duration"/> is out of its range.</exception>
    public static IObservable<Unit> QuietFor<T>(
        this IObservable<T> source, TimeSpan duration, IScheduler? scheduler = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        Require.InRange(duration, ShortestSilence, LongestSilence, nameof(duration));
        scheduler ??= DefaultScheduler.Instance;
        return Observable.Create<Unit>(observer =>
        {
            var watch = new QuietSink<T>(observer, Deadlines.On(scheduler), duration);
            // The clock runs before the source can send a value.
            watch.Set();
            return StableCompositeDisposable.Create(watch, source.SubscribeSafe(watch));
        });
    }

    /// <summary>The deadline and the observer of the source in one object.</summary>
    private sealed class QuietSink<T>(IObserver<Unit> observer, Deadlines queue, TimeSpan limit)
        : Silence(queue, limit), IObserver<T>
    {
        // A silence comes on another thread than the source's values.
        private readonly SerialObserver<Unit> observer = new(observer);
        private long heardAt = queue.Now.Ticks;

        protected override TimeSpan HeardAt => TimeSpan.FromTicks(Volatile.Read(ref heardAt));

        public void OnNext(T value)
        {
            Volatile.Write(ref heardAt, Queue.Now.Ticks);
            WatchAgain();
        }

        public void OnError(Exception error) => observer.OnError(error);

        public void OnCompleted() => observer.OnCompleted();

        protected override void FallSilent() => observer.OnNext(Unit.Default);
    }
}
