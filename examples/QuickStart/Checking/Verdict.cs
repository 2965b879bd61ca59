namespace QuickStart.Checking;

/// <summary>What a history comes to.</summary>
public sealed record Verdict
{
    /// <summary>Lines that were written.</summary>
    public int Written { get; init; }

    /// <summary>Lines whose acceptance was told to their writer.</summary>
    public int Accepted { get; init; }

    /// <summary>Lines that were received, each counted once.</summary>
    public int Received { get; init; }

    /// <summary>Lines that were written and never received.</summary>
    public int Lost { get; init; }

    /// <summary>Times a line was received again.</summary>
    public int Repeated { get; init; }

    /// <summary>Lines that were received after a line that was written later.</summary>
    public int OutOfOrder { get; init; }

    /// <summary>Lines that were received and nobody wrote.</summary>
    public int Unknown { get; init; }

    /// <summary>Lines whose acceptance was told before they were received, or that were never written.</summary>
    public int FalselyAccepted { get; init; }

    /// <summary>Whether every line written was received once, in order, and nothing else.</summary>
    public bool IsFlawless => Lost == 0 && Repeated == 0 && OutOfOrder == 0 && Unknown == 0 && FalselyAccepted == 0;

    /// <summary>The sum of two verdicts.</summary>
    public static Verdict operator +(Verdict a, Verdict b) => new()
    {
        Written = a.Written + b.Written,
        Accepted = a.Accepted + b.Accepted,
        Received = a.Received + b.Received,
        Lost = a.Lost + b.Lost,
        Repeated = a.Repeated + b.Repeated,
        OutOfOrder = a.OutOfOrder + b.OutOfOrder,
        Unknown = a.Unknown + b.Unknown,
        FalselyAccepted = a.FalselyAccepted + b.FalselyAccepted,
    };
}
