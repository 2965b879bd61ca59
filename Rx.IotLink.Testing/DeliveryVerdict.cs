namespace Rx.IotLink.Testing;

/// <summary>What a history of one direction of a link comes to.</summary>
public sealed record DeliveryVerdict
{
    /// <summary>Lines that were written.</summary>
    public long Written { get; init; }

    /// <summary>Lines whose acceptance was told to their writer.</summary>
    public long Accepted { get; init; }

    /// <summary>Lines that were received, each counted once.</summary>
    public long Received { get; init; }

    /// <summary>Lines that were written and not received, though their writer lived on or had kept them.</summary>
    public long Lost { get; init; }

    /// <summary>Times a line was received again, though its receiver had not lost its memory.</summary>
    public long Repeated { get; init; }

    /// <summary>Lines that were received after a line that was written later.</summary>
    public long OutOfOrder { get; init; }

    /// <summary>Lines that were received and that nobody wrote.</summary>
    public long Unknown { get; init; }

    /// <summary>Lines whose acceptance was told before they were received, or that were never written.</summary>
    public long FalselyAccepted { get; init; }

    /// <summary>Lines that were received and whose writer, still there, was never told.</summary>
    public long Unanswered { get; init; }

    /// <summary>
    /// Times a line was received again by a receiver that had lost its memory: what no protocol can prevent.
    /// </summary>
    public long Redelivered { get; init; }

    /// <summary>
    /// Lines that went with the memory of their writer, before anybody was told that they were accepted.
    /// </summary>
    public long GoneWithWriter { get; init; }

    /// <summary>Whether every promise was kept.</summary>
    public bool IsFlawless => Lost == 0 && Repeated == 0 && OutOfOrder == 0 && Unknown == 0 && FalselyAccepted == 0 && Unanswered == 0;

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
        Redelivered = a.Redelivered + b.Redelivered,
        GoneWithWriter = a.GoneWithWriter + b.GoneWithWriter,
    };
}
