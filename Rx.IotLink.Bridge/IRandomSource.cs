using System.Security.Cryptography;

namespace Rx.IotLink.Nano;

/// <summary>What the ends of the wire draw nonces from.</summary>
internal interface IRandomSource
{
    /// <summary>Fills a buffer with random bytes.</summary>
    void Fill(byte[] bytes);
}

/// <summary>The system's.</summary>
internal sealed class SystemRandom : IRandomSource
{
    public void Fill(byte[] bytes) => RandomNumberGenerator.Fill(bytes);
}
