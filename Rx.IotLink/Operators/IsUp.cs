using System.Reactive.Linq;

namespace Rx.IotLink;

/// <summary>Whether a link is there.</summary>
public static partial class StateOperators
{
    /// <summary>
    /// Whether the link is up: the present answer first, then each change of it. Ends as <see cref="ILink.State"/>
    /// does.
    /// </summary>
    /// <param name="link">The link.</param>
    /// <remarks>An outage that ended before a slow observer could be told of it is missed.</remarks>
    /// <exception cref="ArgumentNullException"><paramref name="link"/> is null.</exception>
    public static IObservable<bool> IsUp(this ILink link)
    {
        ArgumentNullException.ThrowIfNull(link);
        return link.State.Select(state => state.IsUp).DistinctUntilChanged();
    }
}
