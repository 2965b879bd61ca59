namespace Rx.IotLink;

public static partial class WriteOperators
{
    /// <summary>
    /// Writes a line exactly once and in order, with a token as the last argument, as everywhere in .NET:
    /// <see cref="ILink.WriteAsync(string, Delivery, Ordering, CancellationToken)"/> with its defaults.
    /// </summary>
    /// <param name="link">Where the line goes.</param>
    /// <param name="line">The text.</param>
    /// <param name="cancellationToken">
    /// Takes the line back if it was not sent yet; a line already sent may still arrive. The exception says which.
    /// </param>
    /// <returns>A task that completes when the peer's application has accepted the line.</returns>
    /// <exception cref="ArgumentNullException">The link is null.</exception>
    /// <exception cref="ArgumentException">The text breaks a rule of lines.</exception>
    /// <exception cref="WriteCancelledException">
    /// It was cancelled; <see cref="WriteCancelledException.WasSent"/> says whether the line may arrive all the same.
    /// </exception>
    public static Task WriteAsync(this ILink link, string line, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(link);
        return link.WriteAsync(line, Delivery.ExactlyOnce, Ordering.Ordered, cancellationToken);
    }
}
