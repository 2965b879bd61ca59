using System.Reactive.Linq;

namespace Rx.IotLink;

/// <summary>Operators for the state of a link.</summary>
public static partial class StateOperators
{
    /// <summary>
    /// Whether the link is up: the current answer first, then each change. Ends as <see cref="ILink.State"/> does.
    /// </summary>
    /// <param name="link">The link.</param>
    /// <remarks>A slow observer misses an outage that ended before the observer was ready.</remarks>
    /// <exception cref="ArgumentNullException"><paramref name="link"/> is null.</exception>
    public static IObservable<bool> IsUp(this ILink link)
    {
        ArgumentNullException.ThrowIfNull(link);
        return link.State.Select(state => state.IsUp).DistinctUntilChanged();
    }
}
