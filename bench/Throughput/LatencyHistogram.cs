using System.Diagnostics;
using System.Numerics;

namespace Throughput;

/// <summary>
/// Counts durations in buckets of at most 1/64 of their value. Adding allocates nothing and may be done by many
/// threads.
/// </summary>
internal sealed class LatencyHistogram
{
    private const int SubBits = 6;

    private readonly long[] counts = new long[(64 - SubBits) << SubBits];

    public static long Now() => Stopwatch.GetTimestamp();

    /// <summary>Adds the time since a moment that <see cref="Now"/> gave.</summary>
    public void AddSince(long then) => Interlocked.Increment(ref counts[Bucket(Math.Max(0, Stopwatch.GetTimestamp() - then))]);

    public void Clear() => Array.Clear(counts);

    /// <summary>The duration in microseconds that a share of all do not exceed, or null if there are none.</summary>
    public double? Percentile(double share)
    {
        var total = counts.Sum();
        if (total == 0)
            return null;
        var rank = (long)Math.Ceiling(share * total);
        var bucket = 0;
        for (var seen = counts[0]; seen < rank; seen += counts[bucket])
            bucket++;
        return UpperEnd(bucket) * 1e6 / Stopwatch.Frequency;
    }

    // Linear below 2^6, and 2^6 steps for each further power of two.
    private static int Bucket(long value)
    {
        var shift = Math.Max(0, BitOperations.Log2((ulong)value) - SubBits);
        return (shift << SubBits) + (int)(value >> shift);
    }

    private static double UpperEnd(int bucket)
    {
        var shift = Math.Max(0, (bucket >> SubBits) - 1);
        return ((double)(bucket - (shift << SubBits)) + 1) * Math.Pow(2, shift);
    }
}
