using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;

namespace Rx.IotLink;

public static partial class StateOperators
{
    /// <summary>
    /// An alarm for a device that is gone: gives the state of a link that was not up for a whole duration, once for
    /// each outage.
    /// </summary>
    /// <param name="link">The link.</param>
    /// <param name="duration">How long the link must be away without interruption; 1 ms to 365 days.</param>
    /// <param name="scheduler">
    /// The clock; alarms come on it. Default the link's (<see cref="LinkOptions.Scheduler"/>);
    /// <see cref="DefaultScheduler"/> for another implementation of <see cref="ILink"/>.
    /// </param>
    /// <returns>
    /// The state at the end of the duration, with the latest reason. A link that never came up counts as away, and so
    /// does one that was <see cref="LinkStatus.Refused"/>. One that is <see cref="LinkStatus.Asleep"/> is not away
    /// until it has overslept. If this end closes the link, there is no alarm: the result completes. Otherwise the
    /// result ends like <see cref="ILink.State"/>, after a pending alarm.
    /// </returns>
    /// <remarks>
    /// The duration counts from the first state of the outage after the subscription. It does not count from
    /// <see cref="LinkState.Since"/>, which follows a clock that people may set. So a late subscription gives a late
    /// alarm. Changes between two states that are not up (another failed attempt) neither restart nor repeat an alarm.
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
                .Select(IsAway)
                .DistinctUntilChanged()
                .Select(away => away ? Observable.Never<Unit>().QuietFor(duration, scheduler).Take(1) : Observable.Empty<Unit>())
                .Switch()
                .Select(_ => Volatile.Read(ref latest)!)
                // The outage may end between the timer's tick and this line.
                .Where(state => state.Status == LinkStatus.Closed || IsAway(state));
        });
    }

    private static bool IsAway(LinkState state) => state.Status is not (LinkStatus.Up or LinkStatus.Asleep or LinkStatus.Closed);
}
