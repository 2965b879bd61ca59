using System.Runtime.InteropServices;
using SQLitePCL;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>
/// Functions of SQLite that its packages for .NET lack, and those that are called for each line: the packages count the
/// users of a statement with each call, and that took as long as the calls.
/// </summary>
internal static partial class Native
{
    private const string Library = "e_sqlite3";
    private const int HasMovedOperation = 20;

    /// <summary>SQLITE_TRANSIENT.</summary>
    private const IntPtr Copied = -1;

    /// <summary>Whether the path of this connection's file now has another file, or none.</summary>
    public static bool HasMoved(sqlite3 db) =>
        FileControl(db.DangerousGetHandle(), "main", HasMovedOperation, out var moved) == raw.SQLITE_OK && moved != 0;

    /// <summary>The error number of the operating system for the last failure; 0 if there was none.</summary>
    public static int Errno(sqlite3 db) => SystemErrno(db.DangerousGetHandle());

    /// <summary>Binds a text, which SQLite copies.</summary>
    public static unsafe int BindText(IntPtr statement, int at, ReadOnlySpan<byte> utf8)
    {
        // An empty span may have no address, which SQLite takes for NULL.
        fixed (byte* text = utf8.IsEmpty ? "\0"u8 : utf8)
            return BindText(statement, at, text, utf8.Length, Copied);
    }

    // These two are short and wait for nothing.
    [LibraryImport(Library, EntryPoint = "sqlite3_bind_int64"), SuppressGCTransition]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    public static partial int BindLong(IntPtr statement, int at, long value);

    [LibraryImport(Library, EntryPoint = "sqlite3_bind_null"), SuppressGCTransition]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    public static partial int BindNull(IntPtr statement, int at);

    [LibraryImport(Library, EntryPoint = "sqlite3_step")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    public static partial int Step(IntPtr statement);

    [LibraryImport(Library, EntryPoint = "sqlite3_reset")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    public static partial int Reset(IntPtr statement);

    [LibraryImport(Library, EntryPoint = "sqlite3_bind_text")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    private static unsafe partial int BindText(IntPtr statement, int at, byte* text, int length, IntPtr destructor);

    [LibraryImport(Library, EntryPoint = "sqlite3_file_control", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    private static partial int FileControl(IntPtr db, string name, int operation, out int argument);

    [LibraryImport(Library, EntryPoint = "sqlite3_system_errno")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    private static partial int SystemErrno(IntPtr db);
}
