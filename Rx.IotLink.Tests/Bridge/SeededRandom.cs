using Rx.IotLink.Nano;

namespace Rx.IotLink.Tests.Bridge;

/// <summary>Random values that are the same in each run.</summary>
internal sealed class SeededRandom(int seed) : IRandomSource
{
    private readonly Random random = new(seed);

    public void Fill(byte[] bytes) => random.NextBytes(bytes);
}
