using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;

namespace Rx.IotLink;

public static partial class StateOperators
{
    /// <summary>
    /// The alarm "it is gone": gives the state of a link that was not up for a whole duration, once for each outage.
    /// </summary>
    /// <param name="link">The link.</param>
    /// <param name="duration">How long the link must be away without interruption; 1 ms to 365 days.</param>
    /// <param name="scheduler">
    /// The clock; alarms come on it. Default the link's (<see cref="LinkOptions.Scheduler"/>);
    /// <see cref="DefaultScheduler"/> for an <see cref="ILink"/> of another make.
    /// </param>
    /// <returns>
    /// The latest state at the end of the duration, so with the latest reason. A link that never came up counts as
    /// away, one that was <see cref="LinkStatus.Refused"/> too. One that was closed at this end is not missed: the
    /// result completes. Otherwise it ends as <see cref="ILink.State"/> does, after an alarm that is pending then.
    /// </returns>
    /// <remarks>
    /// Measured from the first word of the outage after the subscription, never from <see cref="LinkState.Since"/>,
    /// which follows a clock that people may set: who subscribes late is alarmed late. Changes between two states that
    /// are not up (another failed attempt) neither restart nor repeat an alarm.
    /// </remarks>
    /// <exception cref="ArgumentNullException"><paramref name="link"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="duration"/> is out of its range.</exception>
    public static IObservable<LinkState> GoneFor(this ILink link, TimeSpan duration, IScheduler? scheduler = null)
    {
        ArgumentNullException.ThrowIfNull(link);
        Require.InRange(duration, TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(365), nameof(duration));
        scheduler ??= link.Clock();

        return Observable.Defer(() =>
        {
            LinkState? latest = null;
            return link.State
                .Do(state => Volatile.Write(ref latest, state))
                .TakeUntil(state => state.Status == LinkStatus.Closed)
                .Select(state => !state.IsUp && state.Status != LinkStatus.Closed)
                .DistinctUntilChanged()
                .Select(away => away ? Observable.Never<Unit>().QuietFor(duration, scheduler).Take(1) : Observable.Empty<Unit>())
                .Switch()
                .Select(_ => Volatile.Read(ref latest)!)
                // The outage may end between the timer's tick and this line.
                .Where(state => !state.IsUp);
        });
    }
}
