using System.Reactive.Concurrency;
using System.Reactive.Linq;

namespace Rx.IotLink;

/// <summary>Trying again.</summary>
public static class RetryOperators
{
    /// <summary>
    /// Subscribes to a source again when it fails, after a delay that grows with each failure in a row.
    /// </summary>
    /// <typeparam name="T">What the source gives.</typeparam>
    /// <param name="source">The source; each repetition is a new subscription.</param>
    /// <param name="backOff">
    /// The delays: <see cref="BackOff.Delay"/> of 0 before the first repetition in a row, of 1 before the second.
    /// Default <see cref="BackOff.Default"/>: 0.5 s doubling to 30 s, half of it random.
    /// </param>
    /// <param name="maxAttempts">
    /// The most repetitions in a row; after them the last error comes through. 0 for none. Default null: no limit.
    /// </param>
    /// <param name="retryOn">
    /// Which errors are worth a repetition; any other comes through at once. Default: all. An exception that it throws
    /// comes through instead of the error.
    /// </param>
    /// <param name="resetOnValue">
    /// Whether a value of the source shows that it works, so that delays and count start again. Default true. A source
    /// that always gives a value before it fails is then repeated without limit, with the first delay.
    /// </param>
    /// <param name="random">
    /// The source of the jitter. For repeatable histories give a seeded one, for one subscription. Default
    /// <see cref="Random.Shared"/>.
    /// </param>
    /// <param name="scheduler">
    /// The clock of the delays, and where repetitions are subscribed. Default <see cref="DefaultScheduler"/>.
    /// </param>
    /// <remarks>
    /// Values of a hot source during a delay are lost to the observer. Unsubscribing ends a delay too. A link does not
    /// need this operator, since it heals by itself; it is for sources behind a link (a database, a web service).
    /// </remarks>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="maxAttempts"/> is negative, or a value of <paramref name="backOff"/> is out of its range.
    /// </exception>
    public static IObservable<T> RetryWithBackoff<T>(
        this IObservable<T> source,
        BackOff? backOff = null,
        int? maxAttempts = null,
        Func<Exception, bool>? retryOn = null,
        bool resetOnValue = true,
        Random? random = null,
        IScheduler? scheduler = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentOutOfRangeException.ThrowIfNegative(maxAttempts ?? 0, nameof(maxAttempts));
        backOff ??= BackOff.Default;
        backOff.Validate();
        random ??= Random.Shared;
        scheduler ??= DefaultScheduler.Instance;

        return Observable.Defer(() =>
        {
            // Two of these never run at once: a source is subscribed again only after its error was handled.
            var failures = 0;
            var watched = resetOnValue ? source.Do(_ => failures = 0) : source;
            return watched.RetryWhen(errors => errors.SelectMany(error =>
            {
                if (failures >= maxAttempts || retryOn?.Invoke(error) == false)
                    return Observable.Throw<long>(error);
                var delay = backOff.Delay(failures, random.NextDouble());
                if (failures < int.MaxValue)
                    failures++;
                return Observable.Timer(delay, scheduler);
            }));
        });
    }
}
