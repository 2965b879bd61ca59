using SQLitePCL;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>
/// A prepared statement that is run many times. It calls SQLite directly: a command of ADO.NET boxes each value, and
/// ends a text at its first NUL. What was bound stays until something else is.
/// </summary>
internal sealed class Statement : IDisposable
{
    private readonly sqlite3 db;
    private readonly sqlite3_stmt prepared;

    // For the calls of each line. The statement is released by Dispose alone.
    private readonly IntPtr handle;

    public Statement(sqlite3 db, string sql)
    {
        this.db = db;
        Check(raw.sqlite3_prepare_v3(db, sql, raw.SQLITE_PREPARE_PERSISTENT, out prepared));
        handle = prepared.DangerousGetHandle();
    }

    public Statement Bind(int at, long value)
    {
        Check(Native.BindLong(handle, at, value));
        return this;
    }

    public Statement Bind(int at, long? value)
    {
        Check(value is { } some ? Native.BindLong(handle, at, some) : Native.BindNull(handle, at));
        return this;
    }

    /// <summary>Binds an unsigned number as the signed one of the same bits, which SQLite has.</summary>
    public Statement Bind(int at, ulong value) => Bind(at, unchecked((long)value));

    /// <summary>The same for one that may be missing.</summary>
    public Statement Bind(int at, ulong? value) => Bind(at, value is { } some ? unchecked((long)some) : null);

    /// <summary>Binds a text, which is copied.</summary>
    public Statement Bind(int at, ReadOnlySpan<byte> utf8)
    {
        Check(Native.BindText(handle, at, utf8));
        return this;
    }

    /// <summary>Binds nothing.</summary>
    public Statement BindNull(int at) => Bind(at, default(long?));

    /// <summary>Moves to the next row. False: there is none, and the statement is ready for the next use.</summary>
    public bool Step()
    {
        var code = Native.Step(handle);
        if (code == raw.SQLITE_ROW)
            return true;
        var fault = code == raw.SQLITE_DONE ? null : SqliteFault.Of(db, code);
        Reset();
        return fault is null ? false : throw fault;
    }

    /// <summary>Runs it to its end.</summary>
    public void Run()
    {
        while (Step())
        {
        }
    }

    /// <summary>Skips the remaining rows. Not needed after the last row was read.</summary>
    public void Reset() => _ = Native.Reset(handle);

    public bool IsNull(int column) => raw.sqlite3_column_type(prepared, column) == raw.SQLITE_NULL;

    public long Long(int column) => raw.sqlite3_column_int64(prepared, column);

    public long? LongOrNull(int column) => IsNull(column) ? null : Long(column);

    public ulong Unsigned(int column) => unchecked((ulong)Long(column));

    public ulong? UnsignedOrNull(int column) => IsNull(column) ? null : Unsigned(column);

    /// <summary>A text, also with NULs; valid until the next step.</summary>
    public ReadOnlySpan<byte> Utf8(int column) => raw.sqlite3_column_blob(prepared, column);

    /// <summary>A copy of a text, or null.</summary>
    public byte[]? BytesOrNull(int column) => IsNull(column) ? null : Utf8(column).ToArray();

    public void Dispose() => prepared.Dispose();

    private void Check(int code)
    {
        if (code != raw.SQLITE_OK)
            throw SqliteFault.Of(db, code);
    }
}
