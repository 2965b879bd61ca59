using System.Reactive;
using System.Reactive.Linq;
using System.Text;
using Rx.IotLink.Protocol;

namespace Rx.IotLink;

/// <summary>
/// A full-duplex link of text lines with one peer. It outlives its connections: an outage is a value of
/// <see cref="State"/>, never an error of <see cref="Lines"/>, and written lines wait until the link is up again.
/// </summary>
/// <remarks>
/// All members may be used from any thread. No observer is called under a lock or inside the loop that serves the
/// connection.
/// <para>
/// Code that awaits a task of a link continues on the thread pool (or in its own context), never on a thread of our own
/// that calls observers, and never inside a call of an observer. With a <see cref="LinkOptions.Scheduler"/> other than
/// the default one, it continues as an action of the scheduler that calls observers. In virtual time that is the thread
/// of the clock, at the same virtual time, so code with <c>await</c> has one history for one seed. Such a task
/// completes only while the clock runs.
/// </para>
/// </remarks>
public interface ILink
{
    /// <summary>The name of the device at the client's end of the link, the same at both ends.</summary>
    string Id { get; }

    /// <summary>
    /// The lines that the peer wrote, without their line feed, each once and in order. Hot and shared: the link hands
    /// each line to all current observers, and only then acknowledges it to the peer. Without an observer (and without
    /// a reader, see <see cref="ReadLineAsync"/>) lines wait in the inbox. A slow observer slows the peer's writes, and
    /// the other observers of this link's lines; nothing else. A notice reports an observer that takes longer than
    /// <see cref="LinkOptions.SlowObserverAfter"/> for one line (<see cref="LinkNoticeKind.ObserverSlow"/>). Completes
    /// when this end is closed. Fails only if the first connection failed and <see cref="FirstConnection.Fail"/> is set
    /// (<see cref="LinkRefusedException"/>).
    /// </summary>
    /// <remarks>
    /// Do not wait in <c>OnNext</c> for a write of this link, or for a line or an answer of this link. A line is
    /// accepted only when <c>OnNext</c> has returned. So if the peer's observer waits for a write as well, each waits
    /// for the other, for ever. Write there without waiting (<see cref="Writer"/>, <see cref="Write"/>), or take lines
    /// with <see cref="ReadLinesAsync"/>.
    /// </remarks>
    IObservable<string> Lines { get; }

    /// <summary>
    /// The same lines as UTF-8 bytes. The link makes no string of a line that nobody observes as text. Delivery, order
    /// and acknowledgement are those of <see cref="Lines"/>, and both streams may be observed.
    /// </summary>
    /// <remarks>
    /// The bytes are valid until <c>OnNext</c> returns; then the link reuses the buffer. Copy bytes that you keep.
    /// Convert the bytes before any operator that passes them on later or on another thread (<c>ObserveOn</c>,
    /// <c>Buffer</c>, <c>Delay</c>).
    /// </remarks>
    IObservable<ReadOnlyMemory<byte>> Utf8Lines => Lines.Select(static line => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(line));

    /// <summary>
    /// The same lines, each with its name. The application accepts a line itself, with
    /// <see cref="ReceivedLine.Accept"/>, on any thread and in any order. A line is acknowledged to the peer once it
    /// and all lines before it are accepted. To run a handler for each line, use
    /// <see cref="ProcessOperators.Process"/>.
    /// </summary>
    /// <remarks>
    /// <para>
    /// Until then the line is open. It takes one of the <see cref="LinkOptions.InboxLines"/>, so the peer is slowed
    /// when none is left. If this process ends, the line comes again to the next one, under the same name
    /// (<see cref="LineId"/> says for which lines that is true).
    /// </para>
    /// <para>
    /// A new observer first gets the lines that are open, in their order: a subscription that ends loses nothing. If
    /// several observe, one of them accepts a line for all. Observers of <see cref="Lines"/> get each line as well; it
    /// is accepted when both have done their part.
    /// </para>
    /// </remarks>
    IObservable<ReceivedLine> Received { get; }

    /// <summary>
    /// Takes lines to be written exactly once and in order, without waiting. While
    /// <see cref="LinkOptions.OutboxLines"/> lines are waiting, <see cref="LinkOptions.WriterOverflow"/> decides what
    /// happens to a further one. <c>OnCompleted</c> and <c>OnError</c> of a source that feeds it have no effect on the
    /// link.
    /// </summary>
    IObserver<string> Writer { get; }

    /// <summary>
    /// Whether the link is up, since when and why not: the current value first, then each change. An observer that
    /// falls behind by more than 64 changes misses the oldest of them, never the last.
    /// </summary>
    IObservable<LinkState> State { get; }

    /// <summary>
    /// One value for each keepalive received from the peer (for an indicator lamp). An observer that is still busy with
    /// an earlier value misses it.
    /// </summary>
    IObservable<Unit> Heartbeat { get; }

    /// <summary>
    /// A value whenever anything was received from the peer: a line, a keepalive, an acknowledgement, or a part of one.
    /// <c>link.Heard.QuietFor(limit)</c> reports a silence before it is an outage.
    /// </summary>
    /// <remarks>
    /// Hot. Bytes of an opening count, too: a client may hear its server while the link is still down. While an
    /// observer is busy, all that is received leads to one value after that. Costs nothing while nobody observes it.
    /// Completes when this end is closed or refused.
    /// </remarks>
    IObservable<Unit> Heard { get; }

    /// <summary>
    /// Events that an application should know and that no state shows: a restarted peer, dropped lines, an observer
    /// that threw.
    /// </summary>
    IObservable<LinkNotice> Notices { get; }

    /// <summary>Counts since the link was created, as a snapshot.</summary>
    LinkCounters Counters { get; }

    /// <summary>
    /// Writes one line. With <see cref="Delivery.ExactlyOnce"/> the task completes when the peer has accepted the line,
    /// however many outages lie in between; with <see cref="Delivery.BestEffort"/> when a connection has taken it, so
    /// in an outage the task waits for its end.
    /// </summary>
    /// <remarks>
    /// A wait for this task inside <c>OnNext</c> of <see cref="Lines"/> may never end: see there.
    /// </remarks>
    /// <param name="line">
    /// The text: no line feed, in protocol 1 not empty, at most <see cref="LinkOptions.MaxLineBytes"/> bytes as UTF-8.
    /// </param>
    /// <param name="delivery">The promise made for the line.</param>
    /// <param name="ordering">
    /// Whether an exactly-once line keeps its place among the others. Without effect on best effort.
    /// </param>
    /// <param name="cancellationToken">
    /// Takes the line back if it was not sent yet; a line already sent may still arrive. The exception says which.
    /// </param>
    /// <exception cref="ArgumentException">The text breaks one of its rules; nothing was sent.</exception>
    /// <exception cref="OutboxFullException">
    /// More than <see cref="LinkOptions.MaxWaitingWrites"/> writes beyond the outbox are waiting already.
    /// </exception>
    /// <exception cref="LinkClosedException">The link was closed before the line was accepted.</exception>
    /// <exception cref="WriteCancelledException">
    /// It was cancelled; <see cref="WriteCancelledException.WasSent"/> says whether the line may arrive all the same.
    /// </exception>
    Task WriteAsync(string line, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Ordered, CancellationToken cancellationToken = default);

    /// <summary>Writes one line with the given options, for example until it is stored.</summary>
    /// <param name="line">The text, as in the other <c>WriteAsync</c>.</param>
    /// <param name="options">What is promised, and when the task completes.</param>
    /// <param name="cancellationToken">
    /// Takes the line back if it was not sent yet. With <see cref="WrittenUntil.Stored"/> it only ends the waiting.
    /// </param>
    /// <exception cref="ArgumentException">The text breaks one of its rules; nothing was sent.</exception>
    /// <exception cref="InvalidOperationException">
    /// The options ask for a stored line, but the link has no session store, or the line is best effort.
    /// </exception>
    /// <exception cref="OutboxFullException">The outbox, or the store, is full.</exception>
    /// <exception cref="LineExpiredException">It was dropped: it had waited for too long to be sent.</exception>
    /// <exception cref="LineReplacedException">
    /// It was dropped: a newer line of its <see cref="WriteOptions.Key"/> was written before it was sent.
    /// </exception>
    /// <exception cref="LinkClosedException">The link was closed before the line was accepted, or stored.</exception>
    Task WriteAsync(string line, WriteOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options.Until == WrittenUntil.Stored
            ? throw new InvalidOperationException("This link has no session store.")
            : options.TimeToLive is not null || options.Key is not null
            ? throw new InvalidOperationException("This link drops no line: it knows neither TimeToLive nor Key.")
            : WriteAsync(line, options.Delivery, options.Ordering, cancellationToken);
    }

    /// <summary>
    /// <c>WriteAsync</c> for a line that is UTF-8 already. With a token that cannot be cancelled it allocates nothing
    /// once it has warmed up.
    /// </summary>
    /// <param name="utf8">
    /// The text: no line feed, at most <see cref="LinkOptions.MaxLineBytes"/> bytes. Copied before this returns.
    /// </param>
    /// <param name="delivery">The promise made for the line.</param>
    /// <param name="ordering">Whether an exactly-once line keeps its place among the others.</param>
    /// <param name="cancellationToken">
    /// Takes the line back if it was not sent yet; a line already sent may still arrive. The exception says which.
    /// </param>
    /// <returns>A task that may be awaited once, like every <see cref="ValueTask"/>.</returns>
    /// <exception cref="ArgumentException">
    /// The bytes break one of their rules, or are not UTF-8; nothing was sent.
    /// </exception>
    /// <exception cref="OutboxFullException">
    /// More than <see cref="LinkOptions.MaxWaitingWrites"/> writes beyond the outbox are waiting already.
    /// </exception>
    /// <exception cref="LinkClosedException">The link was closed before the line was accepted.</exception>
    /// <exception cref="WriteCancelledException">
    /// It was cancelled; <see cref="WriteCancelledException.WasSent"/> says whether the line may arrive all the same.
    /// </exception>
    ValueTask WriteUtf8Async(ReadOnlyMemory<byte> utf8, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Ordered, CancellationToken cancellationToken = default)
    {
        try
        {
            LineText.Check(utf8.Span, int.MaxValue);
        }
        catch (ArgumentException broken)
        {
            return ValueTask.FromException(broken);
        }

        return new(WriteAsync(Encoding.UTF8.GetString(utf8.Span), delivery, ordering, cancellationToken));
    }

    /// <summary>
    /// The Rx form of <see cref="WriteAsync(string, Delivery, Ordering, CancellationToken)"/>: each subscription writes
    /// the line once, and completes (after one <see cref="Unit"/>) on the scheduler that calls observers. Unsubscribing
    /// takes the line back if it was not sent yet, but does not report whether it was sent. To learn that, cancel a
    /// <see cref="WriteAsync(string, Delivery, Ordering, CancellationToken)"/>.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The text breaks one of its rules (thrown at the call, not at the subscription).
    /// </exception>
    IObservable<Unit> Write(string line, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Ordered);

    /// <summary>
    /// Waits for the next line and takes it. A line goes to one waiting reader, and also to every observer of
    /// <see cref="Lines"/>. It counts as accepted, and is acknowledged, when the reader has it.
    /// </summary>
    /// <exception cref="LinkClosedException">The link is closed.</exception>
    Task<string> ReadLineAsync(CancellationToken cancellationToken = default);

    /// <summary>The same for <c>await foreach</c>; ends when the link is closed.</summary>
    IAsyncEnumerable<string> ReadLinesAsync(CancellationToken cancellationToken = default);

    /// <summary>Completes at once if the link is up, otherwise when it comes up.</summary>
    /// <exception cref="LinkClosedException">The link was closed instead.</exception>
    Task WaitUntilUpAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Completes when no written line waits any more: every exactly-once line was accepted by the peer, every
    /// best-effort line sent.
    /// </summary>
    /// <exception cref="LinkClosedException">The link was closed instead.</exception>
    Task DrainAsync(CancellationToken cancellationToken = default);
}
