using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace Rx.IotLink.Cli;

/// <summary>Files that hold secrets.</summary>
internal static class PrivateFile
{
    private const int StandardOutput = 1;
    private const UnixFileMode OthersWrite = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>The keys of a file of lines <c>ID key</c>.</summary>
    /// <exception cref="UsageException">It cannot be read, others than its owner may read or write it, or a line is
    /// wrong.</exception>
    public static DeviceKeys LoadKeys(string path, bool mayBeShared) =>
        Read("--key-file", path, () => mayBeShared ? DeviceKeys.Load(path) : DeviceKeys.LoadPrivate(path));

    /// <summary>Says so if a secret was written to standard output, and that is a file that others than its owner may
    /// read or write.</summary>
    public static void WarnIfOutputIsShared(Output output)
    {
        if (!OperatingSystem.IsWindows() && IsSharedFile(StandardOutput))
            output.Warning("standard output is a file that others than its owner may read or write, and it holds a secret now: 'chmod 600' mends that, and 'umask 077' before it is made");
    }

    /// <summary>Of what has no length there is nothing to be read again: a terminal, a pipe, /dev/null.</summary>
    [UnsupportedOSPlatform("windows")]
    private static bool IsSharedFile(int descriptor)
    {
        try
        {
            using var handle = new SafeFileHandle(descriptor, ownsHandle: false);
            return RandomAccess.GetLength(handle) > 0 && (File.GetUnixFileMode(handle) & (Others | OthersWrite)) != UnixFileMode.None;
        }
        catch (Exception e) when (e is IOException or NotSupportedException or UnauthorizedAccessException)
        {
            return false;
        }
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
            // The code that reads it reports that.
            return false;
        }
    }

    /// <summary>Reads a file that an option names.</summary>
    /// <exception cref="UsageException">It cannot be read, or what it holds is wrong.</exception>
    public static T Read<T>(string option, string path, Func<T> read)
    {
        try
        {
            RegularFile.Check(path);
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
