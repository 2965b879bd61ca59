using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Rx.IotLink.Protocol.Version2;

/// <summary>
/// Proof that an end knows the device's key: HMAC-SHA-256 (RFC 2104, FIPS 180-4) over the role of the prover and the
/// lines of both ends, so that it can be neither replayed nor reflected.
/// </summary>
internal static class Proof
{
    public const int NonceBytes = 16;

    public const int MacBytes = 32;

    /// <summary>The least length of a key in bytes.</summary>
    public const int LeastKeyBytes = 16;

    /// <summary>The most keys of one id: the old one, and the one that replaces it.</summary>
    public const int MostKeys = 2;

    /// <summary>
    /// The keys that are long enough. An empty key would be the worst: every short key of zeros equals it, and a null
    /// array becomes one.
    /// </summary>
    public static ReadOnlyMemory<byte>[] Usable(IReadOnlyList<ReadOnlyMemory<byte>> keys) => [.. keys.Where(k => k.Length >= LeastKeyBytes).Take(MostKeys)];

    /// <summary>Which of two keys a client's nonce asks for: the lowest bit of its last byte.</summary>
    public static int Side(ReadOnlySpan<byte> nonce) => nonce[^1] & 1;

    /// <summary>A value that identifies a key without holding it; never 0.</summary>
    public static ulong Mark(ReadOnlySpan<byte> key) => BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(key)) | 1;

    /// <summary>The server's proof.</summary>
    /// <param name="key">The device's key.</param>
    /// <param name="opening">The client's first line, as it was sent.</param>
    /// <param name="challenge">The server's line, as it was sent, without its mac.</param>
    public static byte[] OfServer(ReadOnlySpan<byte> key, string opening, string challenge) => Compute(key, "iotlink/2 server", opening, challenge);

    /// <summary>The client's proof.</summary>
    /// <param name="key">The device's key.</param>
    /// <param name="opening">The client's first line, as it was sent.</param>
    /// <param name="challenge">The server's line, as it was sent, without its mac.</param>
    public static byte[] OfClient(ReadOnlySpan<byte> key, string opening, string challenge) => Compute(key, "iotlink/2 client", opening, challenge);

    /// <summary>Compares in a time that does not show where the difference is.</summary>
    public static bool Same(byte[] expected, byte[] given) => CryptographicOperations.FixedTimeEquals(expected, given);

    public static string? Hex(byte[]? bytes) => bytes is null ? null : Convert.ToHexStringLower(bytes);

    /// <summary>The shortest line of a server, before its mac is appended.</summary>
    public static string Challenge(byte[] serverNonce) => Tokens.Format("prove", ("nonce", Hex(serverNonce)));

    private static byte[] Compute(ReadOnlySpan<byte> key, string label, string opening, string challenge) =>
        HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{label}\n{opening}\n{challenge}\n"));
}
