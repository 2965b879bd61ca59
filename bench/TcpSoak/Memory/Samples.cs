namespace TcpSoak.Memory;

/// <summary>
/// Samples at even distances, in bounded memory: when there are too many, every other one is dropped and they come half
/// as often.
/// </summary>
/// <param name="every">The distance at first.</param>
/// <param name="take">Takes one, given the time and the outages so far.</param>
internal sealed class Samples(TimeSpan every, Func<TimeSpan, long, Sample> take)
{
    private const int Most = 128;

    private readonly List<Sample> _samples = [];
    private TimeSpan _every = every;
    private TimeSpan _next = every;

    public IReadOnlyList<Sample> All => _samples;

    /// <summary>Takes one if it is time to; null if not.</summary>
    public Sample? Next(TimeSpan now, Func<long> outages)
    {
        if (now < _next)
            return null;
        var sample = take(now, outages());
        _samples.Add(sample);
        if (_samples.Count == Most)
        {
            for (var at = Most - 2; at >= 0; at -= 2)
                _samples.RemoveAt(at);
            _every *= 2;
        }

        _next = now + _every;
        return sample;
    }
}
