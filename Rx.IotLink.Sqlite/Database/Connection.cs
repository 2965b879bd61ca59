using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>An open connection with its statements. One thread at a time uses it.</summary>
internal sealed class Connection : IDisposable
{
    private readonly SqliteConnection connection;
    private readonly List<Statement> statements = [];

    /// <summary>Opens it.</summary>
    /// <exception cref="SqliteException">It cannot be opened.</exception>
    public Connection(string path, bool create, TimeSpan busyTimeout)
    {
        connection = new(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = create ? SqliteOpenMode.ReadWriteCreate : SqliteOpenMode.ReadWrite,
            Pooling = false,
        }.ToString());
        try
        {
            connection.Open();
            _ = raw.sqlite3_busy_timeout(Handle, (int)busyTimeout.TotalMilliseconds);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>The same for commands of the application.</summary>
    public SqliteConnection Public => connection;

    /// <summary>The handle of SQLite.</summary>
    public sqlite3 Handle => connection.Handle!;

    /// <summary>Makes a statement that exists as long as the connection.</summary>
    public Statement Prepare(string sql)
    {
        var statement = new Statement(Handle, sql);
        statements.Add(statement);
        return statement;
    }

    /// <summary>Runs statements once.</summary>
    public void Execute(string sql)
    {
        // The text after the first statement is left: a command would prepare each statement, a raw statement does not.
        var code = raw.sqlite3_exec(Handle, sql);
        if (code != raw.SQLITE_OK)
            throw SqliteFault.Of(Handle, code);
    }

    /// <summary>The first column of the first row.</summary>
    public long Number(string sql)
    {
        using var statement = new Statement(Handle, sql);
        return statement.Step() ? statement.Long(0) : 0;
    }

    /// <summary>The same for a text.</summary>
    public string Text(string sql)
    {
        using var statement = new Statement(Handle, sql);
        return statement.Step() ? System.Text.Encoding.UTF8.GetString(statement.Utf8(0)) : "";
    }

    /// <summary>Runs work in a transaction: all of it, or nothing.</summary>
    public void InTransaction(Action work)
    {
        Execute("BEGIN IMMEDIATE");
        try
        {
            work();
            Execute("COMMIT");
        }
        catch
        {
            Rollback();
            throw;
        }
    }

    /// <summary>Ends a transaction without a trace, unless SQLite did so itself when it failed.</summary>
    public void Rollback()
    {
        if (raw.sqlite3_get_autocommit(Handle) == 0)
            _ = raw.sqlite3_exec(Handle, "ROLLBACK");
    }

    /// <summary>Copies all committed data.</summary>
    public void CopyTo(Connection other) => connection.BackupDatabase(other.connection);

    /// <summary>The last connection to a file writes the <c>-wal</c> file back into it.</summary>
    public void Dispose()
    {
        foreach (var statement in statements)
            statement.Dispose();
        connection.Dispose();
    }
}
