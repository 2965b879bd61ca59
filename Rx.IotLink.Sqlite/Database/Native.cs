using System.Runtime.InteropServices;
using SQLitePCL;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>Two functions of SQLite that are missing in its packages for .NET.</summary>
internal static partial class Native
{
    private const int HasMovedOperation = 20;

    /// <summary>Whether the path of this connection's file now has another file, or none.</summary>
    public static bool HasMoved(sqlite3 db) =>
        FileControl(db.DangerousGetHandle(), "main", HasMovedOperation, out var moved) == raw.SQLITE_OK && moved != 0;

    /// <summary>The error number of the operating system for the last failure; 0 if there was none.</summary>
    public static int Errno(sqlite3 db) => SystemErrno(db.DangerousGetHandle());

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_file_control", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    private static partial int FileControl(IntPtr db, string name, int operation, out int argument);

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_system_errno")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    private static partial int SystemErrno(IntPtr db);
}
