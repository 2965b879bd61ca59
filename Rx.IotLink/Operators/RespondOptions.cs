namespace Rx.IotLink;

/// <summary>
/// How many requests the answering side accepts, and how it reports failures. Immutable: change a copy with
/// <c>with</c>.
/// </summary>
public sealed record RespondOptions
{
    /// <summary>The default values.</summary>
    public static RespondOptions Default { get; } = new();

    /// <summary>
    /// The most requests in progress at the same time, from their arrival until the peer has accepted the answer. The
    /// same number of further requests get the error <c>busy</c>. Requests beyond that get no answer, since even
    /// refusals need room; their requesters time out. Default 256, as for a requester; 1 to 100,000.
    /// </summary>
    public int MaxInFlight { get; init; } = 256;

    /// <summary>
    /// The text for the peer when a handler fails; cut at 500 characters. Default: a sentence that only says that the
    /// handler failed. The message of an exception may contain secrets: a host, a user, a password. This end reports
    /// the exception itself (<see cref="LinkNoticeKind.HandlerFailed"/>), and a server logs it. If this function
    /// throws, the peer gets the default.
    /// </summary>
    public Func<Exception, string> ErrorText { get; init; } = static _ => HandlerFailed;

    /// <summary>
    /// Whether the handler of a request that carries a trace (<see cref="RequestOptions.TraceContext"/>) runs in a span
    /// <c>iotlink.respond</c> of that trace. The peer decides whether the trace is recorded: leave it out for peers
    /// that you do not trust. Default false.
    /// </summary>
    public bool TraceContext { get; init; }

    internal const string HandlerFailed = "The handler failed.";

    internal void Validate()
    {
        Require.InRange(MaxInFlight, 1, 100_000, nameof(MaxInFlight));
        Require.NotNull(ErrorText, nameof(ErrorText));
    }
}
