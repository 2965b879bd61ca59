using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>
/// SQLite failed. This never leaves the package: <see cref="StoreFaults"/> converts it to the exception for users.
/// </summary>
/// <param name="message">The text of SQLite.</param>
/// <param name="code">Its extended code.</param>
/// <param name="errno">The operating system's, or 0.</param>
internal sealed class SqliteFault(string message, int code, int errno) : SqliteException(message, code & 0xFF, code)
{
    /// <summary>The operating system's error number, or 0.</summary>
    public int Errno => errno;

    public static SqliteFault Of(sqlite3 db, int code)
    {
        var extended = raw.sqlite3_extended_errcode(db);
        // The connection does not record a misuse.
        return new(raw.sqlite3_errmsg(db).utf8_to_string(), (extended & 0xFF) == (code & 0xFF) ? extended : code, Native.Errno(db));
    }
}
