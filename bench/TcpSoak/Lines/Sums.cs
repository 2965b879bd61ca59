namespace TcpSoak.Lines;

/// <summary>What the lines of one direction come to.</summary>
internal sealed record Sums
{
    public static Sums Nothing { get; } = new();

    /// <summary>Lines that were given to the link.</summary>
    public long Written { get; init; }

    /// <summary>Lines of which the writer was told that they were accepted.</summary>
    public long Accepted { get; init; }

    /// <summary>Lines that the other end's application was given, each counted once.</summary>
    public long Received { get; init; }

    /// <summary>Times a line was given again.</summary>
    public long Repeated { get; init; }

    /// <summary>Lines that were given after one that was written later.</summary>
    public long OutOfOrder { get; init; }

    /// <summary>Lines that nobody wrote.</summary>
    public long Unknown { get; init; }

    /// <summary>Lines of which acceptance was told before they were received. Found only where both ends are in one process.</summary>
    public long FalselyAccepted { get; init; }

    /// <summary>Lines that were written and never received.</summary>
    public long Lost => Written - Received;

    public bool IsFlawless => this is { Lost: 0, Repeated: 0, OutOfOrder: 0, Unknown: 0, FalselyAccepted: 0 } && Accepted == Written;

    public static Sums operator +(Sums a, Sums b) => new()
    {
        Written = a.Written + b.Written,
        Accepted = a.Accepted + b.Accepted,
        Received = a.Received + b.Received,
        Repeated = a.Repeated + b.Repeated,
        OutOfOrder = a.OutOfOrder + b.OutOfOrder,
        Unknown = a.Unknown + b.Unknown,
        FalselyAccepted = a.FalselyAccepted + b.FalselyAccepted,
    };
}
