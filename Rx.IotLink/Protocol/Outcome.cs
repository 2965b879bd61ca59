namespace Rx.IotLink.Protocol;

/// <summary>The outcome of a complete line.</summary>
internal sealed class Outcome
{
    private Outcome(string? fault) => Fault = fault;

    /// <summary>The peer's application accepted it.</summary>
    public static Outcome Accepted { get; } = new(fault: null);

    /// <summary>It was sent; nothing more was promised.</summary>
    public static Outcome Sent { get; } = new(fault: null);

    /// <summary>The application took it back before it was sent.</summary>
    public static Outcome TakenBack { get; } = new(fault: null);

    /// <summary>It was dropped for a newer line.</summary>
    public static Outcome Dropped { get; } = new(fault: null);

    /// <summary>A newer line of its key took its place before it was sent.</summary>
    public static Outcome Replaced { get; } = new(fault: null);

    /// <summary>The link ended before it was complete.</summary>
    public static Outcome GivenUp { get; } = new(fault: null);

    /// <summary>The fault of a line that can never be sent, as the rest of a sentence. Null: none.</summary>
    public string? Fault { get; }

    /// <summary>Whether the promise made for it was kept.</summary>
    public bool IsGood => this == Accepted || this == Sent;

    /// <summary>
    /// Its time was over before it was sent: how long it was to wait at most, and how long it did. Null: it was not.
    /// </summary>
    public (string Limit, TimeSpan Most, TimeSpan Waited)? Expiry { get; private init; }

    /// <summary>Its time was over before it was sent.</summary>
    public static Outcome Expired(string limit, TimeSpan most, TimeSpan waited) => new(fault: null) { Expiry = (limit, most, waited) };

    /// <summary>It breaks a rule of the peer.</summary>
    public static Outcome Impossible(string fault) => new(fault);
}
