namespace Rx.IotLink.Protocol;

/// <summary>What became of a line that is done with.</summary>
internal sealed class Outcome
{
    private Outcome(string? fault) => Fault = fault;

    /// <summary>The peer's application accepted it.</summary>
    public static Outcome Accepted { get; } = new(fault: null);

    /// <summary>It was sent; nothing more was promised.</summary>
    public static Outcome Sent { get; } = new(fault: null);

    /// <summary>The application took it back before it was sent.</summary>
    public static Outcome TakenBack { get; } = new(fault: null);

    /// <summary>It gave way to a newer line.</summary>
    public static Outcome Dropped { get; } = new(fault: null);

    /// <summary>The link has ended before it was done.</summary>
    public static Outcome GivenUp { get; } = new(fault: null);

    /// <summary>What is wrong with a line that can never be sent, as the rest of a sentence. Null: nothing.</summary>
    public string? Fault { get; }

    /// <summary>Whether the promise made for it was kept.</summary>
    public bool IsGood => this == Accepted || this == Sent;

    /// <summary>It breaks a rule of the peer's.</summary>
    public static Outcome Impossible(string fault) => new(fault);
}
