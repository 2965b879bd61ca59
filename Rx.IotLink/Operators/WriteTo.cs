using System.Reactive;
using System.Reactive.Linq;

namespace Rx.IotLink;

/// <summary>Operators that write whole streams into a link.</summary>
public static partial class WriteOperators
{
    /// <summary>
    /// Writes a stream of lines into a link, one after the other: the next line is written when the one before it was
    /// accepted. An observable cannot be slowed, so lines wait in a bounded buffer meanwhile. For a source that can be
    /// slowed use <see cref="WriteAllAsync"/>.
    /// </summary>
    /// <param name="source">The lines. It is subscribed when the result is.</param>
    /// <param name="link">Where they go.</param>
    /// <param name="bufferLines">
    /// The most lines that wait, besides the one that is being written. Default 1,024, as
    /// <see cref="LinkOptions.OutboxLines"/>; 1 to 1,000,000.
    /// </param>
    /// <param name="overflow">
    /// What happens to a line that finds the buffer full. Default <see cref="OverflowPolicy.Fail"/>: the result fails
    /// at once, and waiting lines are not written.
    /// </param>
    /// <param name="delivery">
    /// The promise made for each line. Default <see cref="Delivery.ExactlyOnce"/>; a best-effort line counts as
    /// accepted when the connection has taken it.
    /// </param>
    /// <param name="onDropped">
    /// Called with each line that <see cref="OverflowPolicy.DropOldest"/> or <see cref="OverflowPolicy.DropNewest"/>
    /// dropped. Default: none. An exception that it throws ends the result.
    /// </param>
    /// <returns>
    /// One <see cref="Unit"/> for each accepted line; completes when the source has completed and its last line was
    /// accepted. Fails with the error of the source, after the lines before the error were accepted. Fails at once with
    /// the exception with which the link refused a line (<see cref="ArgumentException"/>,
    /// <see cref="LinkClosedException"/>), and with <see cref="OutboxFullException"/>.
    /// </returns>
    /// <remarks>
    /// The throughput is one line for each round trip, since each line is accepted before the next is written.
    /// <see cref="ILink.Writer"/> has more lines in flight. Unsubscribing drops waiting lines, and takes back the line
    /// that is being written if it was not sent yet.
    /// </remarks>
    /// <exception cref="ArgumentNullException">
    /// <paramref name="source"/> or <paramref name="link"/> is null.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="bufferLines"/>, <paramref name="overflow"/> or <paramref name="delivery"/> is out of its range.
    /// </exception>
    public static IObservable<Unit> WriteTo(
        this IObservable<string> source,
        ILink link,
        int bufferLines = 1_024,
        OverflowPolicy overflow = OverflowPolicy.Fail,
        Delivery delivery = Delivery.ExactlyOnce,
        Action<string>? onDropped = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(link);
        Require.InRange(bufferLines, 1, 1_000_000, nameof(bufferLines));
        Require.Defined(overflow, nameof(overflow));
        Require.Defined(delivery, nameof(delivery));
        return Observable.Create<Unit>(observer => new LinePump(link, bufferLines, overflow, delivery, onDropped, observer).Run(source));
    }
}
