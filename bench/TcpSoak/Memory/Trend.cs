namespace TcpSoak.Memory;

/// <summary>Whether something grew: the mean of the last quarter of a run against that of the first.</summary>
/// <param name="What">What was measured.</param>
/// <param name="First">The mean of the first quarter.</param>
/// <param name="Last">The mean of the last quarter.</param>
/// <param name="Most">What the last mean may be, at most.</param>
internal sealed record Trend(string What, double First, double Last, double Most)
{
    /// <summary>Fewer samples say nothing about a trend.</summary>
    public const int LeastSamples = 8;

    private const double MebiByte = 1 << 20;

    public bool IsFlat => Last <= Most;

    /// <summary>
    /// The trends of a run; none if it was too short. A tenth more is noise, and so is a little beside it: the parts of
    /// a run differ in how many connections happen to be open.
    /// </summary>
    public static IReadOnlyList<Trend> Of(IReadOnlyList<Sample> samples) => samples.Count < LeastSamples
        ? []
        :
        [
            Of("heap after GC, MiB", samples, sample => sample.HeapBytes / MebiByte, slack: 0.5),
            Of("resident, MiB", samples, sample => sample.ResidentBytes / MebiByte, slack: 4),
            Of("threads", samples, sample => sample.Threads, slack: 4),
            Of("handles", samples, sample => sample.Handles, slack: 16),
        ];

    private static Trend Of(string what, IReadOnlyList<Sample> samples, Func<Sample, double> value, double slack)
    {
        var quarter = samples.Count / 4;
        var first = samples.Take(quarter).Average(value);
        return new Trend(what, first, samples.TakeLast(quarter).Average(value), (first * 1.1) + slack);
    }
}
