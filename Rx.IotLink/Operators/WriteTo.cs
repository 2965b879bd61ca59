using System.Reactive;
using System.Reactive.Disposables;
using System.Reactive.Linq;

namespace Rx.IotLink;

/// <summary>Operators that write whole streams into a link.</summary>
public static partial class WriteOperators
{
    /// <summary>
    /// Writes a stream of lines into a link, one after the other: the next line is written when the one before it was
    /// accepted. An observable cannot be slowed, so lines wait in a bounded buffer meanwhile. For a source that can be
    /// slowed use <see cref="WriteAllAsync(ILink, IAsyncEnumerable{string}, CancellationToken)"/>.
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
        return Observable.Create<Unit>(observer => new LinePump(link, bufferLines, overflow, line => link.Write(line, delivery), onDropped, observer).Run(source));
    }

    /// <summary>
    /// Writes a stream of lines into a link with options for each line: a time to live, a key, or when its write is
    /// done. The next line is written when the one before it is done: accepted, or stored
    /// (<see cref="WriteOptions.Until"/>).
    /// </summary>
    /// <param name="source">The lines. It is subscribed when the result is.</param>
    /// <param name="link">Where they go.</param>
    /// <param name="options">How each line is written. Its time to live begins when it is written, not before.</param>
    /// <param name="bufferLines">The most lines that wait besides. Default 1,024; 1 to 1,000,000.</param>
    /// <param name="overflow">
    /// What happens to a line that finds the buffer full. Default <see cref="OverflowPolicy.Fail"/>.
    /// </param>
    /// <param name="onDropped">
    /// Called with each line that the buffer or the link dropped (<see cref="LineDroppedException"/>); the next one
    /// follows. Default null: a line that the link drops ends the result with that exception.
    /// </param>
    /// <returns>
    /// As of <see cref="WriteTo(IObservable{string}, ILink, int, OverflowPolicy, Delivery, Action{string})"/>; nothing
    /// for a line that was dropped.
    /// </returns>
    /// <exception cref="ArgumentNullException">
    /// <paramref name="source"/>, <paramref name="link"/> or <paramref name="options"/> is null.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// An option, <paramref name="bufferLines"/> or <paramref name="overflow"/> is out of its range.
    /// </exception>
    public static IObservable<Unit> WriteTo(
        this IObservable<string> source,
        ILink link,
        WriteOptions options,
        int bufferLines = 1_024,
        OverflowPolicy overflow = OverflowPolicy.Fail,
        Action<string>? onDropped = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(link);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        Require.InRange(bufferLines, 1, 1_000_000, nameof(bufferLines));
        Require.Defined(overflow, nameof(overflow));
        IObservable<Unit> WriteOne(string line) => Observable.Create<Unit>(observer =>
        {
            var ended = new CancellationDisposable();
            _ = WriteAsync(link, line, options, observer, ended.Token);
            return ended;
        });
        return Observable.Create<Unit>(observer => new LinePump(link, bufferLines, overflow, WriteOne, onDropped, observer).Run(source));
    }

    /// <summary>Goes on where the write completes: the task pool knows nothing of a virtual clock.</summary>
    private static async Task WriteAsync(ILink link, string line, WriteOptions options, IObserver<Unit> observer, CancellationToken ended)
    {
        try
        {
            await link.WriteAsync(line, options, ended).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            observer.OnError(error);
            return;
        }

        observer.OnNext(Unit.Default);
        observer.OnCompleted();
    }
}
