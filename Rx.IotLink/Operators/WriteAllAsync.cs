namespace Rx.IotLink;

public static partial class WriteOperators
{
    /// <summary>
    /// Writes a sequence of lines into a link. It takes the next line from the source only when the one before was
    /// accepted. So the source is as slow as the peer, also in outages.
    /// </summary>
    /// <param name="link">Where the lines go.</param>
    /// <param name="lines">The lines. Enumerated once, and disposed at the end in every case.</param>
    /// <param name="cancellationToken">
    /// Ends the writing, and is passed to the enumeration as well. The line that is being written is taken back if it
    /// was not sent yet; lines accepted before stay so.
    /// </param>
    /// <returns>A task that completes when the last line was accepted.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// A line breaks a rule of <see cref="ILink.WriteAsync(string, Delivery, Ordering, CancellationToken)"/>; the lines
    /// before it were accepted, and no line after it is read.
    /// </exception>
    /// <exception cref="LinkClosedException">The link was closed before all lines were accepted.</exception>
    /// <exception cref="OutboxFullException">Other writes keep the link's outbox and its waiting list full.</exception>
    /// <exception cref="WriteCancelledException">
    /// It was cancelled while a line was being written; the exception says whether that line had been sent.
    /// </exception>
    /// <exception cref="OperationCanceledException">
    /// It was cancelled while the source made the next line: all lines that it had given were accepted.
    /// </exception>
    /// <remarks>An exception of the source comes through. Delivery is exactly once and in order.</remarks>
    public static async Task WriteAllAsync(this ILink link, IAsyncEnumerable<string> lines, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(link);
        ArgumentNullException.ThrowIfNull(lines);
        await foreach (var line in lines.WithCancellation(cancellationToken).ConfigureAwait(false))
            await link.WriteAsync(line, cancellationToken: cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Writes a sequence of lines into a link with options for each line: a time to live, a key, or when its write is
    /// done. It takes the next line from the source only when the one before is done: accepted, or stored
    /// (<see cref="WriteOptions.Until"/>).
    /// </summary>
    /// <param name="link">Where the lines go.</param>
    /// <param name="lines">The lines. Enumerated once, and disposed at the end in every case.</param>
    /// <param name="options">How each line is written.</param>
    /// <param name="onDropped">
    /// Called with each line that the link dropped (<see cref="LineDroppedException"/>); the next one follows. Default
    /// null: that exception ends the writing.
    /// </param>
    /// <param name="cancellationToken">
    /// As of <see cref="WriteAllAsync(ILink, IAsyncEnumerable{string}, CancellationToken)"/>.
    /// </param>
    /// <returns>A task that completes when the last line was accepted, or stored.</returns>
    /// <exception cref="ArgumentNullException">
    /// <paramref name="link"/>, <paramref name="lines"/> or <paramref name="options"/> is null.
    /// </exception>
    /// <exception cref="ArgumentException">An option is out of its range, or a line breaks a rule.</exception>
    /// <exception cref="LineDroppedException">
    /// A line was dropped, and there is no <paramref name="onDropped"/>.
    /// </exception>
    /// <exception cref="LinkClosedException">The link was closed before all lines were done.</exception>
    /// <exception cref="OutboxFullException">Other writes keep the link's outbox and its waiting list full.</exception>
    /// <exception cref="WriteCancelledException">It was cancelled while a line was being written.</exception>
    public static async Task WriteAllAsync(
        this ILink link, IAsyncEnumerable<string> lines, WriteOptions options, Action<string>? onDropped = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(link);
        ArgumentNullException.ThrowIfNull(lines);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        await foreach (var line in lines.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            try
            {
                await link.WriteAsync(line, options, cancellationToken).ConfigureAwait(false);
            }
            catch (LineDroppedException) when (onDropped is not null)
            {
                onDropped(line);
            }
        }
    }
}
