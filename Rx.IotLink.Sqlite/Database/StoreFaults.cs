using Microsoft.Data.Sqlite;
using Rx.IotLink.Protocol;
using SQLitePCL;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>
/// Makes the exception for each fault of a file. It names the file, and says what to do.
/// </summary>
/// <param name="path">The file.</param>
internal sealed class StoreFaults(string path)
{
    // These numbers are the same on Linux, macOS and the BSDs, except the last one, which is of Linux.
    private const int NoPermission = 1;
    private const int InputOutput = 5;
    private const int AccessDenied = 13;
    private const int FileTooLarge = 27;
    private const int NoSpace = 28;
    private const int ReadOnlyFileSystem = 30;
    private const int QuotaExceeded = 122;

    // Windows: ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL as an HRESULT, and ERROR_SHARING_VIOLATION.
    private const int WindowsDiskFull = unchecked((int)0x80070070);
    private const int WindowsHandleDiskFull = unchecked((int)0x80070027);

    private readonly string name = $"'{Printable.Of(path)}'";

    public SessionStoreException Of(SqliteException e) => (e.SqliteErrorCode, (e as SqliteFault)?.Errno ?? 0) switch
    {
        (raw.SQLITE_FULL, _) or (raw.SQLITE_IOERR, FileTooLarge or NoSpace or QuotaExceeded) => Full(e),
        (raw.SQLITE_IOERR, _) when e.SqliteExtendedErrorCode == raw.SQLITE_IOERR_SHMSIZE => Full(e),
        (raw.SQLITE_READONLY, _) when e.SqliteExtendedErrorCode == raw.SQLITE_READONLY_DBMOVED => Moved(),
        (raw.SQLITE_READONLY or raw.SQLITE_PERM or raw.SQLITE_AUTH, _) => ReadOnly(e),
        (raw.SQLITE_CANTOPEN or raw.SQLITE_IOERR, NoPermission or AccessDenied or ReadOnlyFileSystem) => ReadOnly(e),
        (raw.SQLITE_BUSY or raw.SQLITE_LOCKED or raw.SQLITE_PROTOCOL, _) => Locked(e),
        (raw.SQLITE_CORRUPT or raw.SQLITE_CONSTRAINT or raw.SQLITE_MISMATCH or raw.SQLITE_FORMAT, _) => Damaged($"is damaged ({Said(e)})", e),
        (raw.SQLITE_IOERR, _) when e.SqliteExtendedErrorCode == raw.SQLITE_IOERR_SHORT_READ => Damaged("is shorter than it says", e),
        (raw.SQLITE_NOTADB, _) => NotDatabase(e),
        // Only statements of this package run: so a table or column that they name is missing or different.
        (raw.SQLITE_ERROR or raw.SQLITE_SCHEMA, _) => Damaged($"does not have the tables of a session store ({Said(e)})", e),
        (raw.SQLITE_CANTOPEN, _) => New(SessionStoreFault.Unavailable, $"cannot be opened ({Said(e)})",
            "Check that it is a file, and that this user may read and write it and its folder", e),
        _ => New(SessionStoreFault.Unavailable, $"failed ({Said(e)})", "Check the disk and the system's log; it is tried again", e),
    };

    public SessionStoreException Of(IOException e) => e.HResult switch
    {
        FileTooLarge or NoSpace or QuotaExceeded or WindowsDiskFull or WindowsHandleDiskFull => Full(e),
        ReadOnlyFileSystem => ReadOnly(e),
        InputOutput => New(SessionStoreFault.Unavailable, "cannot be read or written", "Check the disk and the system's log", e),
        _ when e is DirectoryNotFoundException => NoFolder(),
        _ => New(SessionStoreFault.Unavailable, $"cannot be opened ({Printable.Of(e.Message)})", "Check the path", e),
    };

    public SessionStoreException Full(Exception? e = null) => New(SessionStoreFault.Full,
        "has no room to grow: the disk, a quota or MaxBytes is used up", "Make room; the store goes on by itself then", e);

    public SessionStoreException ReadOnly(Exception? e = null) => New(SessionStoreFault.ReadOnly,
        "may not be written", "Make the file, its folder and its file system writable for this user", e);

    public SessionStoreException InUse(Exception? e = null) => New(SessionStoreFault.InUse,
        "is used by another process, or opened twice in this one", "End the other one, or give each its own file", e);

    public SessionStoreException Damaged(string what, Exception? e = null) => New(SessionStoreFault.Damaged,
        what, "It is left as it is. Restore a backup, or move the file away to begin anew", e);

    public SessionStoreException NotDatabase(Exception? e = null) => Damaged("is not a SQLite database, or its first page is damaged", e);

    public SessionStoreException Newer(long version, long known) => New(SessionStoreFault.NewerVersion,
        $"has version {version} of the tables, and this library knows up to {known}", "Use the newer library that wrote it");

    public SessionStoreException NoFolder() => New(SessionStoreFault.Unavailable,
        "is in a folder that does not exist", "Create the folder, or correct the path");

    public SessionStoreException IsFolder() => New(SessionStoreFault.Unavailable, "is a folder", "Name a file");

    public SessionStoreException Moved() => New(SessionStoreFault.Unavailable,
        "was deleted, moved or replaced while it was in use", "Put the same file back, or start this process again");

    public SessionStoreException New(SessionStoreFault fault, string detail, string remedy, Exception? e = null) =>
        new(name, fault, detail, remedy + ".", e);

    public SessionStoreException InHandler() => New(SessionStoreFault.InUse,
        "is locked by a handler of this process that has not ended", "Shorten the handler, and do not wait in it for what is written by others; the store goes on by itself then");

    private SessionStoreException Locked(Exception e) => New(SessionStoreFault.InUse,
        "is locked by another program", "End its transaction; the store goes on by itself then", e);

    private static string Said(SqliteException e) => $"SQLite {e.SqliteExtendedErrorCode}: {Printable.Of(e.Message)}";
}
