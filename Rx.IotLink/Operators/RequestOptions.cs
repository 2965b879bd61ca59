using System.Reactive.Concurrency;

namespace Rx.IotLink;

/// <summary>
/// How long a requester waits, and how many requests may wait at a time. Immutable: change a copy with <c>with</c>.
/// </summary>
public sealed record RequestOptions
{
    /// <summary>The default values.</summary>
    public static RequestOptions Default { get; } = new();

    /// <summary>
    /// How long an answer may take, with outages, transport and the work. Default 10 s: enough for a short outage with
    /// its reconnection, and short enough for a person who waits. 1 ms to 1 day.
    /// </summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Requests of one link that may wait for an answer at the same time; a further one fails with
    /// <see cref="TooManyRequestsException"/>. Default 256, as <see cref="LinkOptions.InboxLines"/>; 1 to 100,000.
    /// </summary>
    public int MaxInFlight { get; init; } = 256;

    /// <summary>
    /// The clock of <see cref="Timeout"/>. Default null: the link's (<see cref="LinkOptions.Scheduler"/>);
    /// <see cref="DefaultScheduler"/> for another implementation of <see cref="ILink"/>.
    /// </summary>
    public IScheduler? Scheduler { get; init; }

    /// <summary>
    /// The part of a request's id that must differ from that of every earlier link of this device. So a late answer to
    /// an earlier process never looks like an answer to this one. Default null: 64 random bits, drawn once for each
    /// link object. Set it only for histories that must be repeatable: 1 to 32 ASCII letters, digits, '-' or '_'.
    /// </summary>
    public string? Session { get; init; }

    /// <summary>
    /// Whether a request carries the trace in which it is sent, as <c>traceparent</c> (W3C), so that the handler's span
    /// at the other end belongs to the same trace (<see cref="RespondOptions.TraceContext"/>). The request is a span
    /// <c>iotlink.request</c> then. Costs 74 bytes of the line while somebody listens to spans. Default false.
    /// </summary>
    public bool TraceContext { get; init; }

    internal void Validate()
    {
        Require.InRange(Timeout, TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1), nameof(Timeout));
        Require.InRange(MaxInFlight, 1, 100_000, nameof(MaxInFlight));
        if (Session is not null)
            Require.NotFaulty(Fault(Session), Session, nameof(Session));
    }

    private static string? Fault(string session) =>
        session.Length is >= 1 and <= 32 && session.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')
            ? null
            : "is not 1 to 32 ASCII letters, digits, '-' or '_'";
}
