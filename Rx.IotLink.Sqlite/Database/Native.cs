using System.Runtime.InteropServices;
using SQLitePCL;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>Two functions of SQLite that its packages for .NET leave out.</summary>
internal static partial class Native
{
    private const int HasMovedOperation = 20;

    /// <summary>Whether another file, or none, is where this connection's file was.</summary>
    public static bool HasMoved(sqlite3 db) =>
        FileControl(db.DangerousGetHandle(), "main", HasMovedOperation, out var moved) == raw.SQLITE_OK && moved != 0;

    /// <summary>The error number of the operating system behind the last failure; 0: there was none.</summary>
    public static int Errno(sqlite3 db) => SystemErrno(db.DangerousGetHandle());

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_file_control", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    private static partial int FileControl(IntPtr db, string name, int operation, out int argument);

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_system_errno")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    private static partial int SystemErrno(IntPtr db);
}
