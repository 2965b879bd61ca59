using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>When nothing comes.</summary>
public static partial class LivenessOperators
{
    private static readonly TimeSpan ShortestSilence = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan LongestSilence = TimeSpan.FromDays(365);

    /// <summary>
    /// Gives one value when nothing came from a source for a whole duration. The next value of the source starts the
    /// watch again.
    /// </summary>
    /// <typeparam name="T">What the source gives.</typeparam>
    /// <param name="source">The source, such as <see cref="ILink.Heard"/>.</param>
    /// <param name="duration">
    /// How long nothing must come; 1 ms to 365 days. Measured from the subscription first, then from each value.
    /// </param>
    /// <param name="scheduler">The clock; the values come on it. Default <see cref="DefaultScheduler"/>.</param>
    /// <returns>
    /// One value for each silence, however long it is. It completes and fails at once when the source does: a silence
    /// that was not over gives no value then.
    /// </returns>
    /// <remarks>
    /// <c>source.StartWith(x).Select(_ => Observable.Timer(duration, scheduler)).Switch()</c> gives the same values.
    /// Here a value of the source costs neither a timer nor an allocation, and on the default scheduler all watches
    /// share one timer. A silence is never told early. It is told late when the threads of the pool are busy; what came
    /// from the source meanwhile counts, and then there was no silence.
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
            // The clock runs before the source may speak.
            watch.Set();
            return StableCompositeDisposable.Create(watch, source.SubscribeSafe(watch));
        });
    }

    /// <summary>The deadline and the observer of the source in one object.</summary>
    private sealed class QuietSink<T>(IObserver<Unit> observer, Deadlines queue, TimeSpan limit)
        : Silence(queue, limit), IObserver<T>
    {
        // A silence is told on another thread than what the source says.
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
