using System.Security.Cryptography;
using NUnit.Framework;
using Rx.IotLink.Nano.Protocol;

namespace NanoTests;

/// <summary>The device's own HMAC-SHA-256 against .NET's.</summary>
public sealed class HmacSha256Tests
{
    [Test]
    public void It_gives_what_dotnet_gives([Values(1, 16, 32, 63, 64, 65, 200)] int keyBytes)
    {
        var random = new Random(keyBytes);
        var key = new byte[keyBytes];
        random.NextBytes(key);
        var ours = new HmacSha256();
        var mac = new byte[32];
        // Around every edge of a block, in pieces of any size; the same object again and again.
        for (var length = 0; length <= 300; length++)
        {
            var message = new byte[length];
            random.NextBytes(message);
            ours.Begin(key);
            for (var at = 0; at < length;)
            {
                var piece = Math.Min(random.Next(1, 100), length - at);
                ours.Add(message, at, piece);
                at += piece;
            }

            ours.End(mac);
            Assert.That(mac, Is.EqualTo(HMACSHA256.HashData(key, message)), $"{length} bytes");
        }
    }
}
