namespace Rx.IotLink;

public static partial class WriteOperators
{
    /// <summary>
    /// Writes a sequence of lines into a link, and asks for the next line only when the one before it was accepted: the
    /// source is slowed to what the peer takes, outages included.
    /// </summary>
    /// <param name="link">Where the lines go.</param>
    /// <param name="lines">The lines. Enumerated once, and disposed at the end, however it comes.</param>
    /// <param name="cancellationToken">
    /// Ends the writing, and is given to the enumeration as well. The line that is being written is taken back if it
    /// was not sent yet; lines accepted before stay so.
    /// </param>
    /// <returns>A task that completes when the last line was accepted.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// A line breaks a rule of <see cref="ILink.WriteAsync(string, Delivery, Ordering, CancellationToken)"/>; those
    /// before it were accepted, none after it is read.
    /// </exception>
    /// <exception cref="LinkClosedException">The link was closed before all lines were accepted.</exception>
    /// <exception cref="OutboxFullException">Others keep the link's outbox and its waiting list full.</exception>
    /// <exception cref="WriteCancelledException">
    /// It was cancelled while a line was being written; the exception says whether that line had been sent.
    /// </exception>
    /// <exception cref="OperationCanceledException">
    /// It was cancelled while the source made the next line: all lines that it had given were accepted.
    /// </exception>
    /// <remarks>What the source throws comes through. Delivery is exactly once and in order.</remarks>
    public static async Task WriteAllAsync(this ILink link, IAsyncEnumerable<string> lines, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(link);
        ArgumentNullException.ThrowIfNull(lines);
        await foreach (var line in lines.WithCancellation(cancellationToken).ConfigureAwait(false))
            await link.WriteAsync(line, cancellationToken: cancellationToken).ConfigureAwait(false);
    }
}
