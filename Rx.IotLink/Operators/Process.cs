namespace Rx.IotLink;

/// <summary>Runs a handler for each received line.</summary>
public static class ProcessOperators
{
    /// <summary>
    /// Runs a handler for each line of a link, one after the other and in order. A line is accepted when its handler
    /// has ended without an exception. A handler that fails is run again for the same line, with longer
    /// and longer delays.
    /// </summary>
    /// <param name="link">The link.</param>
    /// <param name="handler">
    /// Processes a line. Its token is cancelled after <see cref="ProcessOptions.HandlerTimeout"/>, when the link is
    /// closed, and when the processing is disposed.
    /// </param>
    /// <param name="options">Limits, delays and dead letters. Default <see cref="ProcessOptions.Default"/>.</param>
    /// <returns>
    /// Ends the processing. No further handler starts. Lines that are not accepted stay open
    /// (<see cref="ILink.Received"/>); the handler that runs still has its line accepted if it succeeds.
    /// </returns>
    /// <remarks>
    /// A line comes to the handler again when an attempt failed, and when the process ended before the line was
    /// acknowledged: with the same <see cref="ReceivedLine.Line"/> (but see <see cref="LineId"/>). A handler that
    /// stores this name with its result, in one transaction, has each line exactly once.
    /// </remarks>
    /// <exception cref="ArgumentNullException">
    /// <paramref name="link"/> or <paramref name="handler"/> is null.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public static IDisposable Process(this ILink link, Func<ReceivedLine, CancellationToken, Task> handler, ProcessOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(link);
        ArgumentNullException.ThrowIfNull(handler);
        options ??= ProcessOptions.Default;
        options.Validate();
        return LineProcessor.Start(link, handler, options, new HandlerSlots(1));
    }
}
