namespace Throughput.Kept;

/// <summary>The batches that stores have written: how many records, and how long each took.</summary>
internal sealed class Commits
{
    private readonly Lock gate = new();
    private long count;
    private long records;
    private TimeSpan time;

    /// <summary>The mean, or null if nothing was written.</summary>
    public double? RecordsEach => Each(() => records);

    /// <inheritdoc cref="RecordsEach"/>
    public double? MicrosecondsEach => Each(() => time.TotalMicroseconds);

    public void Add(int written, TimeSpan took)
    {
        lock (gate)
            (count, records, time) = (count + 1, records + written, time + took);
    }

    public void Clear()
    {
        lock (gate)
            (count, records, time) = (0, 0, TimeSpan.Zero);
    }

    private double? Each(Func<double> sum)
    {
        lock (gate)
            return count == 0 ? null : sum() / count;
    }
}
