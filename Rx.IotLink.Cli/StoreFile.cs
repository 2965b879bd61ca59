using Rx.IotLink.Sqlite;

namespace Rx.IotLink.Cli;

/// <summary>The file of <c>--store</c>.</summary>
internal static class StoreFile
{
    /// <summary>Lines that a link may have in the file: as many as the disk holds.</summary>
    public const int MaxLines = 1_000_000_000;

    /// <summary>Their bytes.</summary>
    public const long MaxBytes = 1_099_511_627_776;

    /// <summary>Opens the file, or makes it. Null: none is given.</summary>
    /// <exception cref="UsageException">It cannot be used; the sentence says why, and what to do.</exception>
    public static SqliteSessionStore? Open(string? path)
    {
        if (path is null)
            return null;
        if (path.Length == 0)
            throw new UsageException("--store must name a file.");
        try
        {
            return SqliteSessionStore.Open(path);
        }
        catch (SessionStoreException e)
        {
            throw new UsageException($"--store: {e.Message}");
        }
    }
}
