using Rx.IotLink.Testing;

namespace Soak;

/// <summary>What came of one trial, or of many together.</summary>
public sealed record TrialResult
{
    /// <summary>How many.</summary>
    public long Trials { get; init; }

    /// <summary>The time that links lived, all together.</summary>
    public TimeSpan LinkTime { get; init; }

    /// <summary>From devices to servers.</summary>
    public DeliveryVerdict Up { get; init; } = new();

    /// <summary>From servers to devices.</summary>
    public DeliveryVerdict Down { get; init; } = new();

    /// <summary>Best-effort lines written.</summary>
    public long BestEffortWritten { get; init; }

    /// <summary>Best-effort lines received.</summary>
    public long BestEffortReceived { get; init; }

    /// <summary>Best-effort lines received more than once, or after a later one.</summary>
    public long BestEffortRepeated { get; init; }

    /// <summary>Outages, counted at each end that reported one.</summary>
    public long Outages { get; init; }

    /// <summary>Processes that ended.</summary>
    public long Crashes { get; init; }

    /// <summary>Faults of all kinds.</summary>
    public long Faults { get; init; }

    /// <summary>Promises broken beyond those that the verdicts count: times, bounds, leaks.</summary>
    public IReadOnlyList<string> Violations { get; init; } = [];

    /// <summary>The history in 64 bits.</summary>
    public ulong Fingerprint { get; init; }

    /// <summary>Both directions.</summary>
    public DeliveryVerdict Lines => Up + Down;

    /// <summary>Whether every promise was kept.</summary>
    public bool IsFlawless => Up.IsFlawless && Down.IsFlawless && BestEffortRepeated == 0 && Violations.Count == 0;

    /// <summary>What was broken, in words.</summary>
    public string Complaint
    {
        get
        {
            List<string> faults = [.. Violations];
            foreach (var (name, verdict) in new[] { ("to the server", Up), ("to the device", Down) })
            {
                if (!verdict.IsFlawless)
                    faults.Add($"{name}: {verdict.Lost} lost, {verdict.Repeated} repeated, {verdict.OutOfOrder} out of order, {verdict.Unknown} never written, {verdict.FalselyAccepted} falsely accepted, {verdict.Unanswered} unanswered, {verdict.FalselyDropped} falsely dropped, {verdict.TooLate} after their time");
            }

            if (BestEffortRepeated > 0)
                faults.Add($"{BestEffortRepeated} best-effort lines repeated or out of order");
            return string.Join("; ", faults);
        }
    }

    /// <summary>Both together.</summary>
    public static TrialResult operator +(TrialResult a, TrialResult b) => new()
    {
        Trials = a.Trials + b.Trials,
        LinkTime = a.LinkTime + b.LinkTime,
        Up = a.Up + b.Up,
        Down = a.Down + b.Down,
        BestEffortWritten = a.BestEffortWritten + b.BestEffortWritten,
        BestEffortReceived = a.BestEffortReceived + b.BestEffortReceived,
        BestEffortRepeated = a.BestEffortRepeated + b.BestEffortRepeated,
        Outages = a.Outages + b.Outages,
        Crashes = a.Crashes + b.Crashes,
        Faults = a.Faults + b.Faults,
        Violations = [.. a.Violations, .. b.Violations],
        Fingerprint = unchecked((a.Fingerprint * 31) + b.Fingerprint),
    };
}
