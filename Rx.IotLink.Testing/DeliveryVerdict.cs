namespace Rx.IotLink.Testing;

/// <summary>The result of one direction of a link.</summary>
public sealed record DeliveryVerdict
{
    /// <summary>Lines that were written.</summary>
    public long Written { get; init; }

    /// <summary>Lines whose writes completed.</summary>
    public long Accepted { get; init; }

    /// <summary>Lines that were received, each counted once.</summary>
    public long Received { get; init; }

    /// <summary>Lines that were written and not received, although their writer continued or had kept them.</summary>
    public long Lost { get; init; }

    /// <summary>How often a line was received again, although its receiver had not lost its memory.</summary>
    public long Repeated { get; init; }

    /// <summary>Lines that were received after a line that was written later.</summary>
    public long OutOfOrder { get; init; }

    /// <summary>Lines that were received and never written.</summary>
    public long Unknown { get; init; }

    /// <summary>Lines that were reported as accepted before they were received, or that were never written.</summary>
    public long FalselyAccepted { get; init; }

    /// <summary>Lines that were reported to their writer as dropped before they were sent.</summary>
    public long Dropped { get; init; }

    /// <summary>
    /// Lines that were reported to their writer as dropped, and were received or accepted all the same; or that were
    /// reported as dropped without a reason to drop them.
    /// </summary>
    public long FalselyDropped { get; init; }

    /// <summary>Lines that were received though their time to live was over before they could be sent.</summary>
    public long TooLate { get; init; }

    /// <summary>Lines that were received, but whose write never completed, although the writer still exists.</summary>
    public long Unanswered { get; init; }

    /// <summary>
    /// How often a line was received again by a receiver that had lost its memory. No protocol can prevent this.
    /// </summary>
    public long Redelivered { get; init; }

    /// <summary>
    /// Lines that were lost with the memory of their writer, before they were reported as accepted.
    /// </summary>
    public long GoneWithWriter { get; init; }

    /// <summary>Whether every promise was kept.</summary>
    public bool IsFlawless => Lost == 0 && Repeated == 0 && OutOfOrder == 0 && Unknown == 0 && FalselyAccepted == 0 && Unanswered == 0
        && FalselyDropped == 0 && TooLate == 0;

    /// <summary>The sum of two verdicts.</summary>
    public static DeliveryVerdict operator +(DeliveryVerdict a, DeliveryVerdict b) => new()
    {
        Written = a.Written + b.Written,
        Accepted = a.Accepted + b.Accepted,
        Received = a.Received + b.Received,
        Lost = a.Lost + b.Lost,
        Repeated = a.Repeated + b.Repeated,
        OutOfOrder = a.OutOfOrder + b.OutOfOrder,
        Unknown = a.Unknown + b.Unknown,
        FalselyAccepted = a.FalselyAccepted + b.FalselyAccepted,
        Unanswered = a.Unanswered + b.Unanswered,
        Dropped = a.Dropped + b.Dropped,
        FalselyDropped = a.FalselyDropped + b.FalselyDropped,
        TooLate = a.TooLate + b.TooLate,
        Redelivered = a.Redelivered + b.Redelivered,
        GoneWithWriter = a.GoneWithWriter + b.GoneWithWriter,
    };
}
