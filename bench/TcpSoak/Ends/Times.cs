namespace TcpSoak.Ends;

/// <summary>
/// How long something took, again and again: a histogram in steps of 5 ms, in bounded memory. Used under its owner's
/// lock.
/// </summary>
internal sealed class Times
{
    private const int StepMs = 5;
    private const int Steps = 4_000;

    private readonly long[] _counts = new long[Steps];

    public long Count { get; private set; }

    public TimeSpan Longest { get; private set; }

    public void Add(TimeSpan time)
    {
        Count++;
        Longest = time > Longest ? time : Longest;
        _counts[Math.Clamp((int)(time.TotalMilliseconds / StepMs), 0, Steps - 1)]++;
    }

    /// <summary>The time that a part of all did not exceed, in milliseconds, to 5 ms.</summary>
    public int PercentileMs(double part)
    {
        var (wanted, seen) = ((long)Math.Ceiling(Count * part), 0L);
        for (var step = 0; step < Steps; step++)
        {
            seen += _counts[step];
            if (seen >= wanted)
                return (step + 1) * StepMs;
        }

        return Steps * StepMs;
    }
}
