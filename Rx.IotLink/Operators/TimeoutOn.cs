using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using Rx.IotLink.Time;

namespace Rx.IotLink;

public static partial class LivenessOperators
{
    /// <summary>
    /// The values of a source; fails with <see cref="TimeoutException"/> when none came for a whole limit.
    /// </summary>
    /// <typeparam name="T">What the source gives.</typeparam>
    /// <param name="source">The source.</param>
    /// <param name="limit">
    /// How long no value may come; 1 ms to 365 days. Measured from the subscription first, then from each value: from
    /// the moment at which the observer has returned.
    /// </param>
    /// <param name="scheduler">The clock; the failure comes on it. Default <see cref="DefaultScheduler"/>.</param>
    /// <returns>
    /// The values of the source and its end. After a silence it unsubscribes from the source and fails.
    /// </returns>
    /// <remarks>
    /// This is Rx's <c>Timeout(limit, scheduler)</c> for sources with many values, and for many sources. The
    /// differences:
    /// <list type="bullet">
    /// <item>A value costs neither a timer nor an allocation. Rx ends a timer and makes another for each value.</item>
    /// <item>On the default scheduler all sources share one timer. The failure never comes early.</item>
    /// <item>
    /// A value that comes before the failure is reported counts, even after the limit. So a busy machine gives fewer
    /// false alarms.
    /// </item>
    /// <item>
    /// On a virtual clock it fails at the same tick as Rx. Within that tick the order may differ: the failure may come
    /// after actions that it would precede in Rx. It is scheduled when its time may have come, and not at each value.
    /// </item>
    /// <item>The limit has a range: it is neither zero nor infinite.</item>
    /// </list>
    /// </remarks>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="limit"/> is out of its range.</exception>
    public static IObservable<T> TimeoutOn<T>(
        this IObservable<T> source, TimeSpan limit, IScheduler? scheduler = null) =>
        source.TimeoutOn(limit, scheduler, () => new TimeoutException($"Nothing came for {limit}."));

    /// <summary>The same with another error.</summary>
    internal static IObservable<T> TimeoutOn<T>(
        this IObservable<T> source, TimeSpan limit, IScheduler? scheduler, Func<Exception> error)
    {
        ArgumentNullException.ThrowIfNull(source);
        Require.InRange(limit, ShortestSilence, LongestSilence, nameof(limit));
        scheduler ??= DefaultScheduler.Instance;
        return Observable.Create<T>(observer =>
        {
            var subscription = new SingleAssignmentDisposable();
            var watch = new TimeoutSink<T>(observer, subscription, Deadlines.On(scheduler), limit, error);
            // The clock runs before the source can send a value.
            watch.Set();
            subscription.Disposable = source.SubscribeSafe(watch);
            return StableCompositeDisposable.Create(watch, subscription);
        });
    }

    /// <summary>The deadline and the observer of the source in one object.</summary>
    private sealed class TimeoutSink<T>(
        IObserver<T> observer, IDisposable subscription, Deadlines queue, TimeSpan limit, Func<Exception> error)
        : Silence(queue, limit), IObserver<T>
    {
        private const long Ended = long.MaxValue;

        // The number of the value that it waits for. Whoever changes the number may call the observer: the source with
        // its next value, or the silence with the end.
        private long turn;

        // Calls of the observer in progress; more than one if the observer makes the source send a value.
        private int calls;
        private long heardAt = queue.Now.Ticks;

        protected override TimeSpan HeardAt => TimeSpan.FromTicks(Volatile.Read(ref heardAt));

        public void OnNext(T value)
        {
            // Before the turn: a silence that finds the turn unchanged then knows that no call is under way.
            Interlocked.Increment(ref calls);
            if (!TryTake(end: false))
                return;
            observer.OnNext(value);
            Volatile.Write(ref heardAt, Queue.Now.Ticks);
            Interlocked.Decrement(ref calls);
            WatchAgain();
        }

        public void OnError(Exception exception)
        {
            if (TryTake(end: true))
                observer.OnError(exception);
        }

        public void OnCompleted()
        {
            if (TryTake(end: true))
                observer.OnCompleted();
        }

        /// <summary>If a value came meanwhile, there is no silence; that value continues the watch.</summary>
        protected override void FallSilent()
        {
            var awaited = Volatile.Read(ref turn);
            if (awaited == Ended || Volatile.Read(ref calls) > 0 || SilentAt > Queue.Now)
                return;
            if (Interlocked.CompareExchange(ref turn, Ended, awaited) != awaited)
                return;
            // First, since the observer may subscribe again at once.
            subscription.Dispose();
            observer.OnError(error());
        }

        private bool TryTake(bool end)
        {
            while (true)
            {
                var awaited = Volatile.Read(ref turn);
                if (awaited == Ended)
                    return false;
                if (Interlocked.CompareExchange(ref turn, end ? Ended : awaited + 1, awaited) == awaited)
                    return true;
            }
        }
    }
}
