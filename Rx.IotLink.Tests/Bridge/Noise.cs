namespace Rx.IotLink.Tests.Bridge;

/// <summary>What a bad wire does to bytes; a chance for each byte, of each kind.</summary>
internal sealed class Noise(Random random, double chance)
{
    /// <summary>The chance.</summary>
    public double Chance { get; set; } = chance;

    /// <summary>Whether nothing gets through.</summary>
    public bool IsCut { get; set; }

    public IEnumerable<byte> Pass(byte value)
    {
        if (IsCut)
            yield break;
        if (random.NextDouble() >= Chance)
        {
            yield return value;
            yield break;
        }

        switch (random.Next(5))
        {
            case 0:
                break;
            case 1:
                yield return (byte)(value ^ (1 << random.Next(8)));
                break;
            case 2:
                yield return value;
                yield return value;
                break;
            case 3:
                yield return (byte)random.Next(256);
                break;
            default:
                for (var burst = random.Next(60); burst > 0; burst--)
                    yield return (byte)random.Next(256);
                break;
        }
    }
}
