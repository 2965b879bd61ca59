using System.Security.Cryptography;
using Rx.IotLink.Protocol.Version2;

namespace Rx.IotLink;

/// <summary>The source of random bytes: the system, or a seed for repeatable histories.</summary>
internal static class Randomness
{
    public static FillRandom From(int? seed)
    {
        if (seed is null)
            return RandomNumberGenerator.Fill;
        var seeded = new Random(seed.Value);
        return bytes =>
        {
            lock (seeded)
                seeded.NextBytes(bytes);
        };
    }
}
