using System.Net;
using System.Reactive.Concurrency;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>Where the lines of devices are posted, and the limits. Immutable: change a copy with <c>with</c>.</summary>
public sealed record WebhookOptions
{
    private const int MaxTokenLength = 4_096;

    /// <summary>
    /// The address: <c>http://</c> or <c>https://</c>, without a user name and a fragment. A receiver behind
    /// <c>https://</c> must have a certificate that this machine trusts.
    /// </summary>
    public required Uri Url { get; init; }

    /// <summary>
    /// Sent as <c>Authorization: Bearer TOKEN</c>: printable ASCII without blanks, at most 4,096 characters. Default
    /// null: none.
    /// </summary>
    public string? Token { get; init; }

    /// <summary>
    /// How lines are processed: the most requests at a time (<see cref="ProcessOptions.MaxConcurrent"/>, one of each
    /// device), how long one may take (<see cref="ProcessOptions.HandlerTimeout"/>), the delays before the next
    /// attempt, and what becomes of a line that fails again and again. Default <see cref="ProcessOptions.Default"/>: 64
    /// requests, 1 min, and each line is tried until the receiver has it.
    /// </summary>
    public ProcessOptions Process { get; init; } = ProcessOptions.Default;

    /// <summary>
    /// The name under which servers that share a fleet take its lines in turns: each line is posted by one of them,
    /// from the inbox of their session store (PostgreSQL, with its option Inbox). A line is acknowledged to its device
    /// when it is in the inbox. Of <see cref="Process"/> the times count; 8 requests of a server run at a time, and
    /// there are no dead letters. 1 to 100 characters. Default null: the lines of the links of this server.
    /// </summary>
    public string? Consumer { get; init; }

    /// <summary>
    /// Called with each line that the receiver has, before it is acknowledged to its device; the lines of one device in
    /// order. If it throws, the line is posted again, with the same name. Default null: nothing.
    /// </summary>
    public Action<ReceivedLine>? Posted { get; init; }

    /// <summary>
    /// How long the end waits for requests that are under way. Default 5 s; 0 to 1 h. Those that are not done then are
    /// given up, and their lines stay at their devices.
    /// </summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The clock of <see cref="DrainTimeout"/>. Default: that of this machine.</summary>
    public IScheduler Scheduler { get; init; } = DefaultScheduler.Instance;

    /// <summary>The receiver without what may hold a secret: scheme, host and port.</summary>
    internal string Receiver => Url is { IsAbsoluteUri: true } ? Printable.Of(Url.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped)) : "…";

    /// <summary>
    /// Without the token, and without the path and the query of the address: they must not get into a log.
    /// </summary>
    public override string ToString() => $"{nameof(WebhookOptions)} {{ Url = {Receiver}/…, Token = {(Token is null ? "none" : "…")} }}";

    internal void Validate()
    {
        Require.NotNull(Url, nameof(Url));
        // The address itself does not get into a message: it may hold a secret.
        Require.NotFaulty(FaultOf(Url), "…", nameof(Url));
        if (Token is not null)
            Require.NotFaulty(Token.Length is 0 or > MaxTokenLength || Token.Any(c => c is <= ' ' or > '~') ? $"is empty, has more than {MaxTokenLength} characters, or one that is not printable ASCII" : null, "…", nameof(Token));
        Require.NotNull(Process, nameof(Process));
        Process.Validate();
        if (Consumer is not null)
        {
            FleetConsumer.Check(Consumer, options: null);
            Require.NotFaulty(Process.DeadLetters is null ? null : "must be null with a Consumer: a line of its is tried until the receiver has it", "…", nameof(Process.DeadLetters));
        }

        Require.InRange(DrainTimeout, TimeSpan.Zero, TimeSpan.FromHours(1), nameof(DrainTimeout));
        Require.NotNull(Scheduler, nameof(Scheduler));
    }

    private static string? FaultOf(Uri url) =>
        !url.IsAbsoluteUri || url.Scheme is not ("http" or "https") ? "does not begin with http:// or https://"
        : url.UserInfo.Length > 0 ? "holds a user name: give a Token"
        : url.Fragment.Length > 0 ? "holds a fragment (#), which is never sent"
        : null;
}

/// <summary>Counts of a webhook since its start.</summary>
public sealed record WebhookCounters
{
    /// <summary>Lines that the receiver has.</summary>
    public required long Posted { get; init; }

    /// <summary>Requests that failed: no answer, none in time, or one that is not 2xx.</summary>
    public required long Failed { get; init; }

    /// <summary>Best-effort lines that were dropped, since their only request failed.</summary>
    public required long Dropped { get; init; }

    /// <summary>Requests that are under way.</summary>
    public required int Running { get; init; }

    /// <summary>The status of the last answer. Null: there was none yet.</summary>
    public required HttpStatusCode? LastStatus { get; init; }
}
