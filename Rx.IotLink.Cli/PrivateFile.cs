using System.Runtime.Versioning;

namespace Rx.IotLink.Cli;

/// <summary>Files that hold secrets.</summary>
internal static class PrivateFile
{
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>The keys of a file of lines <c>ID key</c>.</summary>
    /// <exception cref="UsageException">It cannot be read, or a line is wrong.</exception>
    public static DeviceKeys LoadKeys(string path, Output output)
    {
        WarnIfReadable(path, output);
        return Read("--key-file", path, () => DeviceKeys.Load(path));
    }

    /// <summary>Says so if others than its owner may read it, where that can be known.</summary>
    public static void WarnIfReadable(string path, Output output)
    {
        if (!OperatingSystem.IsWindows() && IsReadable(path))
            output.Warning($"{path} holds a secret and others than its owner may read it: 'chmod 600' mends that");
    }

    [UnsupportedOSPlatform("windows")]
    private static bool IsReadable(string path)
    {
        try
        {
            return (File.GetUnixFileMode(path) & Others) != UnixFileMode.None;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Whoever reads it says so.
            return false;
        }
    }

    /// <summary>Reads a file that an option names.</summary>
    /// <exception cref="UsageException">It cannot be read, or what it holds is wrong.</exception>
    public static T Read<T>(string option, string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            throw new UsageException($"{option}: {e.Message}");
        }
        catch (Exception e) when (e is System.Security.Cryptography.CryptographicException or ArgumentException)
        {
            throw new UsageException($"{option}: {path} cannot be used: {e.Message}");
        }
    }
}
