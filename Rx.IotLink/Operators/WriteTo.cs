using System.Reactive;
using System.Reactive.Linq;

namespace Rx.IotLink;

/// <summary>Writing whole streams into a link.</summary>
public static partial class WriteOperators
{
    /// <summary>
    /// Writes a stream of lines into a link, one after the other: the next line is written when the one before it was
    /// accepted. Since an observable cannot be slowed, lines wait in a bounded buffer meanwhile; a source that can be
    /// slowed belongs to <see cref="WriteAllAsync"/>.
    /// </summary>
    /// <param name="source">The lines. It is subscribed when the result is.</param>
    /// <param name="link">Where they go.</param>
    /// <param name="bufferLines">
    /// Lines that wait for their turn, at most, besides the one that is being written. Default 1,024, as
    /// <see cref="LinkOptions.OutboxLines"/>; 1 to 1,000,000.
    /// </param>
    /// <param name="overflow">
    /// What happens to a line that finds the buffer full. Default <see cref="OverflowPolicy.Fail"/>: the result fails
    /// at once, and what waits is not written.
    /// </param>
    /// <param name="delivery">
    /// The promise made for each line. Default <see cref="Delivery.ExactlyOnce"/>; a best-effort line counts as
    /// accepted when the connection has it.
    /// </param>
    /// <param name="onDropped">
    /// Told each line that <see cref="OverflowPolicy.DropOldest"/> or <see cref="OverflowPolicy.DropNewest"/> dropped.
    /// Default: nobody. What it throws ends the result.
    /// </param>
    /// <returns>
    /// One <see cref="Unit"/> for each accepted line; completes when the source has completed and its last line was
    /// accepted. Fails with what the source failed with, after the lines before the error were accepted; with what the
    /// link refused a line with (<see cref="ArgumentException"/>, <see cref="LinkClosedException"/>), at once; and with
    /// <see cref="OutboxFullException"/>, at once.
    /// </returns>
    /// <remarks>
    /// The throughput is one line for each round trip: the price of knowing that a line was accepted before the next is
    /// taken. <see cref="ILink.Writer"/> keeps more on the way. Unsubscribing drops what waits, and takes back the line
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
