using System.Security.Cryptography;
using System.Text;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;

namespace Rx.IotLink;

/// <summary>
/// The keys of devices, as a text of lines <c>id key</c>: the key is hex digits, the id all that stands before it. Empty lines and lines that begin with <c>#</c> are skipped. Keep
/// such a file readable by its owner alone.
/// </summary>
public sealed class DeviceKeys
{
    // An id that is not text must not become another one.
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Dictionary<string, ReadOnlyMemory<byte>> keys = new(StringComparer.Ordinal);

    /// <summary>How many devices have a key.</summary>
    public int Count => keys.Count;

    /// <summary>The ids of the devices that have one.</summary>
    public IReadOnlyCollection<string> Ids => keys.Keys;

    /// <summary>Reads the keys from a file.</summary>
    /// <exception cref="FormatException">A line is wrong; the message names the file, the line and the rule, never the key.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static DeviceKeys Load(string path)
    {
        try
        {
            return Parse(File.ReadLines(path, Strict), path);
        }
        catch (DecoderFallbackException exception)
        {
            throw new FormatException($"{path} is not UTF-8.", exception);
        }
    }

    /// <summary>Reads the keys from lines of text.</summary>
    /// <exception cref="FormatException">A line is wrong; the message names the source, the line and the rule, never the key.</exception>
    public static DeviceKeys Parse(IEnumerable<string> lines, string source = "keys")
    {
        ArgumentNullException.ThrowIfNull(lines);
        var result = new DeviceKeys();
        foreach (var (text, at) in lines.Select((line, index) => (line.Trim(), index + 1)))
        {
            if (text.Length == 0 || text[0] == '#')
                continue;
            if (result.Fault(text) is { } fault)
                throw new FormatException($"{source}, line {at}: {fault}.");
        }

        return result;
    }

    /// <summary>Makes a new key of 32 random bytes, as hex digits.</summary>
    public static string NewKey() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(Proof.MacBytes));

    /// <summary>The key of a device, or null.</summary>
    // The type is said, or null would become a byte[], and that an empty key: one that everybody knows.
    public ReadOnlyMemory<byte>? Find(string id) => keys.TryGetValue(id, out var key) ? key : default(ReadOnlyMemory<byte>?);

    private string? Fault(string text)
    {
        var blank = text.LastIndexOfAny([' ', '\t']);
        if (blank < 0)
            return "it must be an id, a blank and a key";
        var (id, key) = (text[..blank].TrimEnd(), text[(blank + 1)..]);
        if (LinkId.Fault(id, LinkId.MaxBytes) is { } fault)
            return $"the id {fault}";
        // The id is not told: where the two stand in the wrong order, it is the key.
        if (key.Length % 2 != 0 || key.Length < 2 * Proof.LeastKeyBytes || !key.All(char.IsAsciiHexDigit))
            return $"the key, at the end of the line, must be an even number of hex digits, at least {2 * Proof.LeastKeyBytes}";
        return keys.TryAdd(id, Convert.FromHexString(key)) ? null : "the id has a key already";
    }
}
