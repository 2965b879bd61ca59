namespace TcpSoak.Memory;

/// <summary>The open descriptors of this process, if /proc lists them.</summary>
internal static class Descriptors
{
    private const string Folder = "/proc/self/fd";

    /// <summary>Open sockets; null if the system does not report them.</summary>
    public static int? Sockets() => Directory.Exists(Folder)
        ? new DirectoryInfo(Folder).EnumerateFileSystemInfos().Count(entry => Target(entry)?.StartsWith("socket:", StringComparison.Ordinal) == true)
        : null;

    private static string? Target(FileSystemInfo entry)
    {
        try
        {
            return entry.LinkTarget;
        }
        catch (IOException)
        {
            // Closed since it was listed.
            return null;
        }
    }
}
