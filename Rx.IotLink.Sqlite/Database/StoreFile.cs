namespace Rx.IotLink.Sqlite.Database;

/// <summary>A database file that belongs to this process, until this is disposed.</summary>
internal sealed class StoreFile : IDisposable
{
    // The header from SQLite's file format.
    private const int FirstBytes = 100;
    private const int WriteVersion = 18;
    private const int ReadVersion = 19;
    private const byte Rollback = 1;
    private const byte Wal = 2;

    private readonly FileStream held;
    private FileStream? database;

    private StoreFile(string path, FileStream held) => (Path, this.held) = (path, held);

    /// <summary>The file itself, not a link to it.</summary>
    public string Path { get; }

    /// <summary>Takes a file for this process alone.</summary>
    /// <remarks>
    /// The lock is one of the system, on a file beside it. It ends with the process, however that ends, and does not
    /// affect a program that only reads the database. The file stays: deleting it could delete the lock of another
    /// process.
    /// </remarks>
    /// <exception cref="SessionStoreException">Another process has it, or it cannot be made.</exception>
    public static StoreFile Take(string path, StoreFaults faults)
    {
        try
        {
            var file = Resolve(System.IO.Path.GetFullPath(path));
            if (Directory.Exists(file))
                throw faults.IsFolder();
            return new(file, new FileStream(file + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0));
        }
        catch (UnauthorizedAccessException e)
        {
            throw faults.ReadOnly(e);
        }
        catch (IOException e) when (IsHeldByAnother(e))
        {
            throw faults.InUse(e);
        }
        catch (IOException e) when (e is not SessionStoreException)
        {
            throw faults.Of(e);
        }
    }

    /// <summary>
    /// Checks what SQLite does not report: SQLite deletes the <c>-wal</c> file of an empty database, takes a database
    /// of a single byte for empty, and calls a file read-only if a number in its first bytes is damaged.
    /// </summary>
    /// <returns>Whether the database is new.</returns>
    /// <exception cref="SessionStoreException">It is not a database, or has lost its first part.</exception>
    public bool IsNew(StoreFaults faults)
    {
        if (Length(Path) > 0)
        {
            // Stays open: when a process closes a file, the system drops all locks of that process on it, SQLite's too.
            database = new(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            Span<byte> first = stackalloc byte[FirstBytes];
            if (database.ReadAtLeast(first, FirstBytes, throwOnEndOfStream: false) < FirstBytes || !first.StartsWith("SQLite format 3\0"u8)
                || first[WriteVersion] is not (Rollback or Wal) || first[ReadVersion] is not (Rollback or Wal))
                throw faults.NotDatabase();
            return false;
        }

        if (Length(Path + "-wal") > 0)
            throw faults.Damaged($"is {(File.Exists(Path) ? "empty" : "gone")}, but the -wal file that belongs to it holds data");
        return true;
    }

    public void Dispose()
    {
        database?.Dispose();
        held.Dispose();
    }

    private static long Length(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : 0;

    /// <summary>One file has one lock, for any link to it.</summary>
    private static string Resolve(string path)
    {
        // A missing file is not a link.
        var file = new FileInfo(path);
        if (file.LinkTarget is not null && file.ResolveLinkTarget(returnFinalTarget: true) is { } target)
            return Resolve(System.IO.Path.GetFullPath(target.FullName));
        return System.IO.Path.GetDirectoryName(path) is { } folder ? System.IO.Path.Combine(Resolve(folder), file.Name) : path;
    }

    private static bool IsHeldByAnother(IOException e)
    {
        // EWOULDBLOCK of Linux, of macOS and the BSDs, and ERROR_SHARING_VIOLATION.
        const int linux = 11;
        const int bsd = 35;
        const int windows = unchecked((int)0x80070020);
        return e.HResult is linux or bsd or windows;
    }
}
