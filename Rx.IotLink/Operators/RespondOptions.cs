namespace Rx.IotLink;

/// <summary>
/// How much the answering side takes on, and what it tells of its failures. Immutable: change a copy with <c>with</c>.
/// </summary>
public sealed record RespondOptions
{
    /// <summary>The default values.</summary>
    public static RespondOptions Default { get; } = new();

    /// <summary>
    /// Requests that may be worked on at the same time, from their arrival until the peer has accepted the answer. As
    /// many again are answered with the error <c>busy</c>; any beyond are not answered, since even refusals need room:
    /// their requesters run into their timeouts. Default 256, as for a requester; 1 to 100,000.
    /// </summary>
    public int MaxInFlight { get; init; } = 256;

    /// <summary>
    /// The text for the peer when a handler fails; cut at 500 characters. Default: a sentence that says no more than
    /// that it failed. A message may name what is no business of the peer's: a host, a user, a password. The exception
    /// itself is told here (<see cref="LinkNoticeKind.HandlerFailed"/>), and a server logs it. If this throws, the peer
    /// is told the default.
    /// </summary>
    public Func<Exception, string> ErrorText { get; init; } = static _ => HandlerFailed;

    internal const string HandlerFailed = "The handler failed.";

    internal void Validate()
    {
        Require.InRange(MaxInFlight, 1, 100_000, nameof(MaxInFlight));
        Require.NotNull(ErrorText, nameof(ErrorText));
    }
}
