namespace Rx.IotLink.Server;

/// <summary>
/// How often an origin may open: a token bucket for each (a number at once, and then a number for each second). A
/// connection beyond it is refused for a temporary reason, before its first line is read.
/// </summary>
/// <param name="perSecond">Openings a second, on average.</param>
/// <param name="burst">Openings at once.</param>
/// <param name="maxOrigins">
/// The most origins that are remembered. Beyond them, origins that were quiet are forgotten; if there are none, a
/// newcomer is not limited.
/// </param>
internal sealed class OpeningRates(double perSecond, int burst, int maxOrigins = OpeningRates.DefaultMaxOrigins)
{
    public const int DefaultMaxOrigins = 65_536;

    private readonly Lock gate = new();
    private readonly Dictionary<Origin, Bucket> buckets = [];

    /// <summary>The number of remembered origins.</summary>
    public int Count
    {
        get
        {
            lock (gate)
                return buckets.Count;
        }
    }

    /// <summary>Takes a token. False: there is none.</summary>
    public bool TryTake(Origin origin, TimeSpan now)
    {
        lock (gate)
        {
            if (!buckets.TryGetValue(origin, out var bucket))
            {
                if (buckets.Count >= maxOrigins)
                    ForgetFull(now);
                if (buckets.Count >= maxOrigins)
                    return true;
                bucket = new(burst, now);
            }

            var tokens = TokensOf(bucket, now);
            buckets[origin] = new(tokens >= 1 ? tokens - 1 : tokens, now);
            return tokens >= 1;
        }
    }

    /// <summary>Returns a token: the opening was not from a stranger.</summary>
    public void GiveBack(Origin origin)
    {
        lock (gate)
        {
            if (buckets.TryGetValue(origin, out var bucket))
                buckets[origin] = bucket with { Tokens = Math.Min(burst, bucket.Tokens + 1) };
        }
    }

    /// <summary>A full bucket is the same as a new one, so it can be forgotten.</summary>
    private void ForgetFull(TimeSpan now)
    {
        foreach (var (origin, bucket) in buckets)
        {
            if (TokensOf(bucket, now) >= burst)
                buckets.Remove(origin);
        }
    }

    private double TokensOf(Bucket bucket, TimeSpan now) => Math.Min(burst, bucket.Tokens + perSecond * (now - bucket.At).TotalSeconds);

    private readonly record struct Bucket(double Tokens, TimeSpan At);
}
