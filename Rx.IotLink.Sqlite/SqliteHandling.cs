using System.Reactive.Concurrency;
using Microsoft.Data.Sqlite;
using Rx.IotLink.Sqlite.Database;
using SQLitePCL;

namespace Rx.IotLink.Sqlite;

/// <summary>Runs a handler in transactions of the store's file, on a connection of its own.</summary>
/// <param name="name">The consumer.</param>
/// <param name="options">Its options.</param>
/// <param name="store">The store.</param>
/// <param name="handler">The application.</param>
/// <param name="ending">The consumer ends.</param>
internal sealed class SqliteHandling(
    string name, FleetConsumerOptions options, SqliteSessionStore store, Func<FleetLine, SqliteTransaction, CancellationToken, Task> handler, CancellationToken ending) : IDisposable
{
    // Nothing else is written while a handler runs, and the store waits for BusyTimeout.
    private readonly TimeSpan limit = Least(options.HandlerTimeout, store.Options.BusyTimeout / 2);
    private readonly TimeSpan grace = Least(TimeSpan.FromSeconds(1), store.Options.BusyTimeout / 4);
    private readonly TimeSpan mostHeld = store.Options.BusyTimeout / 20;
    private Own? own;

    public void Dispose()
    {
        own?.Dispose();
        own = null;
    }

    /// <summary>
    /// Handles lines in one transaction. Without an error: how many of them, since a transaction that takes long ends
    /// before the last one. With one nothing is done, and it says which line failed.
    /// </summary>
    public async Task<(int At, Exception? Error)> TryAsync(IReadOnlyList<FleetLine> lines, HashSet<string> blocked, bool isAgain)
    {
        await store.Turns.EnterAsync().ConfigureAwait(false);
        try
        {
            return await TryNowAsync(lines, blocked, isAgain).ConfigureAwait(false);
        }
        catch (SqliteException e)
        {
            Dispose();
            throw store.Faults.Of(e);
        }
        finally
        {
            store.Turns.Leave();
        }
    }

    private async Task<(int At, Exception? Error)> TryNowAsync(IReadOnlyList<FleetLine> lines, HashSet<string> blocked, bool isAgain)
    {
        var its = own ??= new(store.OpenConnection());
        if (Native.HasMoved(its.Connection.Handle))
        {
            Dispose();
            throw store.Faults.Moved();
        }

        var held = options.Scheduler.StartStopwatch();
        using var transaction = its.Connection.Public.BeginTransaction(deferred: false);
        var at = 0;
        while (at < lines.Count && (at == 0 || held.Elapsed < mostHeld))
        {
            ending.ThrowIfCancellationRequested();
            var line = lines[at];
            if (blocked.Contains(line.DeviceId))
                its.Rows.SetAside(name, line.Entry, default);
            else if (await CallAsync(line, its, transaction).ConfigureAwait(false) is { } error)
                return IsOfStore(error) ? throw (SqliteException)error : (at, error);
            at++;
        }

        if (raw.sqlite3_get_autocommit(its.Connection.Handle) != 0)
            throw new InvalidOperationException("SQLite has undone the transaction of a handler by itself, after an error that the handler did not pass on.");
        if (isAgain)
            its.Rows.Done(name, lines[0].Entry);
        else
            its.Rows.Move(name, lines[at - 1].Entry);
        await transaction.CommitAsync(CancellationToken.None).ConfigureAwait(false);
        return (at, null);
    }

    /// <summary>
    /// Whether it was the file, and not the handler. SQLite undoes a transaction by itself after some of these.
    /// </summary>
    private bool IsOfStore(Exception error)
    {
        ending.ThrowIfCancellationRequested();
        return error is SqliteException { SqliteErrorCode: raw.SQLITE_FULL or raw.SQLITE_IOERR or raw.SQLITE_NOMEM or raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB or raw.SQLITE_CANTOPEN };
    }

    /// <summary>Calls the handler. Null: it succeeded.</summary>
    private async Task<Exception?> CallAsync(FleetLine line, Own its, SqliteTransaction transaction)
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(ending);
        var late = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var timer = options.Scheduler.Schedule(limit, () => late.TrySetResult());
        var handling = HandleAsync(line, transaction, cancel.Token);
        if (await Task.WhenAny(handling, late.Task).ConfigureAwait(false) == handling)
            return await handling.ConfigureAwait(false);
        await cancel.CancelAsync().ConfigureAwait(false);
        if (!await EndsAsync(handling).ConfigureAwait(false))
            Abandon(its, handling);
        return new HandlerTimeoutException(limit);
    }

    private async Task<Exception?> HandleAsync(FleetLine line, SqliteTransaction transaction, CancellationToken cancel)
    {
        // Not on this thread: a handler may block.
        await Task.Yield();
        using var scope = SqliteFleet.BeginHandler();
        try
        {
            await (handler(line, transaction, cancel) ?? throw new InvalidOperationException("The handler returned no task.")).ConfigureAwait(false);
            return transaction.Connection is null
                ? new InvalidOperationException("The handler has ended its transaction, which is committed after it.")
                : null;
        }
        catch (Exception e)
        {
            return e;
        }
    }

    private async Task<bool> EndsAsync(Task handling)
    {
        var late = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var timer = options.Scheduler.Schedule(grace, () => late.TrySetResult());
        return await Task.WhenAny(handling, late.Task).ConfigureAwait(false) == handling;
    }

    /// <summary>
    /// A handler that does not end keeps nothing: whatever it still does on its connection, it may not write.
    /// </summary>
    private void Abandon(Own its, Task handling)
    {
        own = null;
        raw.sqlite3_interrupt(its.Connection.Handle);
        its.Connection.Execute("PRAGMA query_only = ON");
        its.Connection.Rollback();
        _ = handling.ContinueWith(_ => its.Dispose(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private static TimeSpan Least(TimeSpan a, TimeSpan b) => a < b ? a : b;

    /// <summary>A connection, and its statements.</summary>
    private sealed class Own(Connection connection) : IDisposable
    {
        public Connection Connection => connection;

        public ConsumerRows Rows { get; } = new(connection);

        public void Dispose() => connection.Dispose();
    }
}
