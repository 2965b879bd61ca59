namespace Rx.IotLink.Bench.Fleet.Measurements;

/// <summary>One thing that was measured: ours, and the bare baseline in the same run; a value a round.</summary>
/// <param name="What">What it is.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="Links">Ours.</param>
/// <param name="Bare">The baseline, if there is one.</param>
/// <param name="Target">What it should be, for people.</param>
internal sealed record Figure(string What, string Unit, IReadOnlyList<double> Links, IReadOnlyList<double> Bare, string Target = "")
{
    /// <summary>The median of ours.</summary>
    public double Median => Middle(Links);

    /// <summary>The median of the baseline, or null.</summary>
    public double? BareMedian => Bare.Count == 0 ? null : Middle(Bare);

    /// <summary>Ours in parts of the baseline, or null.</summary>
    public double? Ratio => BareMedian is { } bare and not 0 ? Median / bare : null;

    private static double Middle(IReadOnlyList<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[(sorted.Count / 2) - 1] + sorted[sorted.Count / 2]) / 2;
    }
}
