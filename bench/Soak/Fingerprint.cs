namespace Soak;

/// <summary>What happened, and when, in 64 bits: equal for equal histories.</summary>
internal sealed class Fingerprint
{
    private const ulong Prime = 1_099_511_628_211;

    public ulong Value { get; private set; } = 14_695_981_039_346_656_037;

    public void Add(TimeSpan at, string what)
    {
        Add((ulong)at.Ticks);
        foreach (var character in what)
            Add(character);
    }

    private void Add(ulong value) => Value = unchecked((Value ^ value) * Prime);
}
