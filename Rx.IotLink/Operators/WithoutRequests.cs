using System.Reactive.Linq;

namespace Rx.IotLink;

public static partial class RequestOperators
{
    /// <summary>
    /// Leaves out the lines that are requests or answers of <c>Request</c> and <c>Respond</c>; every observer of a
    /// link's lines sees them. Use it before <c>FromJson</c>: an answer is JSON too, and may be read as a value without
    /// any property set.
    /// </summary>
    /// <param name="lines">The lines, usually <see cref="ILink.Lines"/>.</param>
    /// <exception cref="ArgumentNullException"><paramref name="lines"/> is null.</exception>
    public static IObservable<string> WithoutRequests(this IObservable<string> lines)
    {
        ArgumentNullException.ThrowIfNull(lines);
        return lines.Where(line => Envelope.Parse(line) is null);
    }
}
