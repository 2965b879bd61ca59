using System.Security.Cryptography;
using System.Text;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;

namespace Rx.IotLink;

/// <summary>
/// The keys of devices, from lines <c>id key</c>. The key is written as hex digits; the id is everything before it. An
/// id may appear twice, first with its old key and then with its new one, until the device has the new one. Empty lines
/// and lines that begin with <c>#</c> are skipped. Only the owner should be able to read such a file.
/// </summary>
public sealed class DeviceKeys : IDeviceKeys
{
    private const UnixFileMode Others =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    // An id that is not text must not become another one.
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Dictionary<string, ReadOnlyMemory<byte>[]> keys = new(StringComparer.Ordinal);

    /// <summary>How many devices have a key.</summary>
    public int Count => keys.Count;

    /// <summary>The ids of the devices that have one.</summary>
    public IReadOnlyCollection<string> Ids => keys.Keys;

    /// <summary>Reads the keys from a file, also if other users may read or write it.</summary>
    /// <exception cref="FormatException">A line is wrong; the message names the file, the line and the rule, never the
    /// key.</exception>
    /// <exception cref="IOException">The file cannot be read, is empty or no regular file, or has more than 64
    /// MiB.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static DeviceKeys Load(string path) => Load(path, mayBeShared: true);

    /// <summary>
    /// Reads the keys from a file that only its owner may read or write. Windows has other access rights; there it does
    /// the same as <see cref="Load(string)"/>.
    /// </summary>
    /// <exception cref="FormatException">A line is wrong; the message names the file, the line and the rule, never the
    /// key.</exception>
    /// <exception cref="IOException">The file cannot be read, is empty or no regular file, or has more than 64
    /// MiB.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read, or its group or others may read or write
    /// it.</exception>
    public static DeviceKeys LoadPrivate(string path) => Load(path, mayBeShared: false);

    /// <summary>Reads the keys from lines of text.</summary>
    /// <exception cref="FormatException">
    /// A line is wrong; the message names the source, the line and the rule, never the key.
    /// </exception>
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

    /// <summary>The key of a device, the newer one of two, or null. A device proves this key.</summary>
    // Without the type, null would become a byte[], and that an empty key, which everybody knows.
    public ReadOnlyMemory<byte>? Find(string id) => keys.TryGetValue(id, out var all) ? all[^1] : default(ReadOnlyMemory<byte>?);

    /// <summary>The keys of a device: none, one, or the old and the new one.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> KeysOf(string id) => keys.TryGetValue(id, out var all) ? all : [];

    /// <summary>
    /// Removes all keys of a device from a key file. The file is replaced as a whole, with the same access rights;
    /// other lines stay as they are. Where the path is a link, the file that it leads to is replaced.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="id">The device.</param>
    /// <returns>Whether it had a key there.</returns>
    /// <exception cref="FormatException">A line is wrong; the file stays as it is.</exception>
    /// <exception cref="IOException">The file cannot be read, or the folder cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written.</exception>
    public static bool Remove(string path, string id)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(id);
        var target = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? Path.GetFullPath(path);
        string[] lines;
        UnixFileMode mode;
        using (var file = RegularFile.Open(target))
        {
            mode = OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(file.SafeFileHandle);
            lines = [.. Lines(file)];
        }

        if (Parse(lines, path).KeysOf(id).Count == 0)
            return false;
        var kept = lines.Where(line => IdOf(line) != id).ToList();
        // A file without a line would be taken for one that is being written.
        Replace(target, kept.Count > 0 ? kept : ["# All keys are revoked."], mode);
        return true;
    }

    internal static DeviceKeys Load(string path, bool mayBeShared)
    {
        using var file = RegularFile.Open(path);
        return Read(file, path, mayBeShared);
    }

    internal static DeviceKeys Read(FileStream file, string path, bool mayBeShared)
    {
        // The mode of the open file, since another file may have its name by now.
        if (!mayBeShared && !OperatingSystem.IsWindows() && (File.GetUnixFileMode(file.SafeFileHandle) & Others) != UnixFileMode.None)
            throw new UnauthorizedAccessException($"{path} holds keys, and others than its owner may read or write it: 'chmod 600' mends that.");
        try
        {
            return Parse(Lines(file), path);
        }
        catch (DecoderFallbackException exception)
        {
            throw new FormatException($"{path} is not UTF-8.", exception);
        }
    }

    private static IEnumerable<string> Lines(FileStream file)
    {
        using var reader = new StreamReader(file, Strict, detectEncodingFromByteOrderMarks: true, leaveOpen: true);
        while (reader.ReadLine() is { } line)
            yield return line;
    }

    /// <summary>Whoever reads the file finds the old one or the new one, never a part.</summary>
    private static void Replace(string path, IEnumerable<string> lines, UnixFileMode mode)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = mode;
        var temporary = Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}");
        try
        {
            using (var file = new FileStream(temporary, options))
            {
                file.Write(Strict.GetBytes(string.Concat(lines.Select(line => line + "\n"))));
                file.Flush(flushToDisk: true);
            }

            // The umask may have taken rights from it.
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(temporary, mode);
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>The id of a line of a key file; null: it has none.</summary>
    private static string? IdOf(string line)
    {
        var text = line.Trim();
        var blank = text.LastIndexOfAny([' ', '\t']);
        return text.Length == 0 || text[0] == '#' || blank < 0 ? null : text[..blank].TrimEnd();
    }

    private string? Fault(string text)
    {
        var blank = text.LastIndexOfAny([' ', '\t']);
        if (blank < 0)
            return "it must be an id, a blank and a key";
        var (id, key) = (text[..blank].TrimEnd(), text[(blank + 1)..]);
        if (LinkId.Fault(id, LinkId.MaxBytes) is { } fault)
            return $"the id {fault}";
        // The message does not contain the id: if the two are in the wrong order, it is the key.
        if (key.Length % 2 != 0 || key.Length < 2 * Proof.LeastKeyBytes || !key.All(char.IsAsciiHexDigit))
            return $"the key, at the end of the line, must be an even number of hex digits, at least {2 * Proof.LeastKeyBytes}";
        return Add(id, Convert.FromHexString(key));
    }

    private string? Add(string id, byte[] key)
    {
        if (!keys.TryGetValue(id, out var before))
        {
            keys.Add(id, [key]);
            return null;
        }

        if (before.Any(b => b.Span.SequenceEqual(key)))
            return "the id has this key already";
        if (before.Length == Proof.MostKeys)
            return "the id has two keys already, an old and a new one";
        keys[id] = [.. before, key];
        return null;
    }
}
