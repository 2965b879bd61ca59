namespace Rx.IotLink;

/// <summary>How much the answering side takes on, and what it tells of its failures. Immutable: change a copy with <c>with</c>.</summary>
public sealed record RespondOptions
{
    /// <summary>The default values.</summary>
    public static RespondOptions Default { get; } = new();

    /// <summary>
    /// Requests that may be worked on at the same time, from their arrival until the peer has accepted the answer. As many again are answered with the error
    /// <c>busy</c>; any beyond are not answered, since even refusals need room: their requesters run into their timeouts. Default 256, as for a requester; 1 to 100,000.
    /// </summary>
    public int MaxInFlight { get; init; } = 256;

    /// <summary>
    /// The text for the peer when a handler fails; cut at 500 characters. Default: the exception's message, since both ends usually belong to the same people.
    /// If they do not, give one that tells less.
    /// </summary>
    public Func<Exception, string> ErrorText { get; init; } = static error => error.Message;

    internal void Validate()
    {
        Require.InRange(MaxInFlight, 1, 100_000, nameof(MaxInFlight));
        Require.NotNull(ErrorText, nameof(ErrorText));
    }
}
