using System.Reactive.Concurrency;
using Npgsql;

namespace Rx.IotLink.PostgreSql.Database;

/// <summary>The work on one partition, on a connection of its own.</summary>
internal sealed class PartitionWork(Consumption owner, Lease lease, Func<bool> mayGoOn, CancellationToken cancellationToken) : IAsyncDisposable
{
    /// <summary>A line whose handler loses its connection so often in a row has failed itself.</summary>
    private const int BreaksInARow = 3;

    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private NpgsqlConnection? connection;

    public async ValueTask DisposeAsync()
    {
        var ended = connection;
        connection = null;
        if (ended is not null)
            await ended.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Lines that failed, and whose time has come.</summary>
    public async Task TryAgainAsync()
    {
        for (var n = 0; n < owner.Options.BatchLines && mayGoOn(); n++)
        {
            var open = await OpenAsync().ConfigureAwait(false);
            if (await owner.Aside.DueAsync(open, lease.Partition).ConfigureAwait(false) is not { } line)
                return;
            var (_, error) = await TryAsync([line], [], owner.Aside.DoneAsync, lease.Entry).ConfigureAwait(false);
            if (error is not null)
                await CommitAsync((c, t) => owner.Aside.FailedAsync(c, t, line.Entry, owner.Failed(line, line.Attempt, error)), lease.Entry).ConfigureAwait(false);
        }
    }

    /// <summary>Lines behind the cursor.</summary>
    public async Task ReadAsync(long horizon)
    {
        for (var isMore = true; isMore && mayGoOn();)
        {
            var open = await OpenAsync().ConfigureAwait(false);
            var read = await owner.Inbox.ReadAsync(open, [(lease.Partition, lease.Entry)], horizon, owner.Options.BatchLines, cancellationToken).ConfigureAwait(false);
            var lines = read[lease.Partition].ToArray();
            isMore = lines.Length == owner.Options.BatchLines;
            if (lines.Length > 0)
                await HandleAsync(lines, await owner.Aside.BlockedAsync(open, lease.Partition).ConfigureAwait(false)).ConfigureAwait(false);
        }
    }

    private async Task HandleAsync(FleetLine[] lines, HashSet<string> blocked)
    {
        for (var (begin, end) = (0, lines.Length); begin < lines.Length && mayGoOn();)
        {
            var (failed, error) = await TryAsync(lines[begin..end], blocked, done: null, lines[end - 1].Entry).ConfigureAwait(false);
            if (error is null)
            {
                (begin, end) = (end, lines.Length);
                continue;
            }

            // What was done for the lines before it is undone, too: they are handled again, without it.
            end = begin + failed;
            if (failed > 0)
                continue;
            var line = lines[begin];
            await CommitAsync((c, t) => owner.Aside.AddAsync(c, t, lease.Partition, line.Entry, owner.Failed(line, line.Attempt, error)), line.Entry).ConfigureAwait(false);
            blocked.Add(line.DeviceId);
            (begin, end) = (begin + 1, lines.Length);
        }
    }

    /// <summary>
    /// Handles lines in one transaction. If one fails, nothing is done, and its place and error are given.
    /// </summary>
    private async Task<(int At, Exception? Error)> TryAsync(
        FleetLine[] lines, HashSet<string> blocked, Func<NpgsqlConnection, NpgsqlTransaction?, long, Task>? done, long to)
    {
        var open = await OpenAsync().ConfigureAwait(false);
        var transaction = owner.IsTransactional ? await open.BeginTransactionAsync(cancellationToken).ConfigureAwait(false) : null;
        try
        {
            for (var at = 0; at < lines.Length; at++)
            {
                var line = lines[at];
                if (!mayGoOn())
                    return await StopAsync(open, transaction, lines[..at], new LeaseLostException()).ConfigureAwait(false);
                if (transaction is null)
                {
                    if (await ObserveAsync(line).ConfigureAwait(false) is { } thrown)
                        return await StopAsync(open, transaction, lines[..at], thrown).ConfigureAwait(false);
                    continue;
                }

                if (blocked.Contains(line.DeviceId))
                    await owner.Aside.AddAsync(open, transaction, lease.Partition, line.Entry, SetAside.Failure.Behind).ConfigureAwait(false);
                else if (await CallAsync(line, transaction).ConfigureAwait(false) is { } error)
                    return await FailedAsync(open, line, at, error).ConfigureAwait(false);
            }

            if (done is not null)
                await done(open, transaction, lines[0].Entry).ConfigureAwait(false);
            await MoveAsync(open, transaction, to).ConfigureAwait(false);
            if (transaction is not null)
                await transaction.CommitAsync(CancellationToken.None).ConfigureAwait(false);
            (lease.Entry, lease.Broken) = (to, default);
            return default;
        }
        finally
        {
            await EndAsync(transaction).ConfigureAwait(false);
        }
    }

    /// <summary>Whether it was the handler, or the database.</summary>
    private async Task<(int At, Exception? Error)> FailedAsync(NpgsqlConnection open, FleetLine line, int at, Exception error)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (open.FullState == System.Data.ConnectionState.Open)
            return (at, error);
        await DisposeAsync().ConfigureAwait(false);
        if (error is HandlerTimeoutException)
            return (at, error);
        lease.Broken = (line.Entry, lease.Broken.Entry == line.Entry ? lease.Broken.Count + 1 : 1);
        return lease.Broken.Count >= BreaksInARow ? (at, error) : throw new NpgsqlException("The connection was lost while a handler had it.", error);
    }

    /// <summary>Writes something, and moves the cursor.</summary>
    private async Task CommitAsync(Func<NpgsqlConnection, NpgsqlTransaction?, Task> write, long to)
    {
        var open = await OpenAsync().ConfigureAwait(false);
        var transaction = await open.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await using var end = transaction.ConfigureAwait(false);
        await write(open, transaction).ConfigureAwait(false);
        await MoveAsync(open, transaction, to).ConfigureAwait(false);
        await transaction.CommitAsync(CancellationToken.None).ConfigureAwait(false);
        lease.Entry = to;
    }

    private async Task MoveAsync(NpgsqlConnection open, NpgsqlTransaction? transaction, long to)
    {
        if (!await owner.Leases.MoveAsync(open, transaction, lease.Partition, lease.Token, lease.Entry, to).ConfigureAwait(false))
            throw new LeaseLostException();
    }

    /// <summary>Stops before the end. What observers have had is not given to them again.</summary>
    private async Task<(int At, Exception? Error)> StopAsync(NpgsqlConnection open, NpgsqlTransaction? transaction, FleetLine[] had, Exception reason)
    {
        if (transaction is null && had.Length > 0)
        {
            await MoveAsync(open, transaction, had[^1].Entry).ConfigureAwait(false);
            lease.Entry = had[^1].Entry;
        }

        throw reason;
    }

    /// <summary>Gives a line to the observer. Null: it has returned.</summary>
    private async Task<Exception?> ObserveAsync(FleetLine line)
    {
        try
        {
            await owner.Handler(line, transaction: null, cancellationToken).ConfigureAwait(false);
            return null;
        }
        catch (ObserverThrewException e)
        {
            return e;
        }
    }

    /// <summary>Calls the handler. Null: it succeeded.</summary>
    private async Task<Exception?> CallAsync(FleetLine line, NpgsqlTransaction transaction)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var late = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var timer = owner.Options.Scheduler.Schedule(owner.Options.HandlerTimeout, () => late.TrySetResult());
        var handling = HandleAsync(line, transaction, limit.Token);
        if (await Task.WhenAny(handling, late.Task).ConfigureAwait(false) == handling)
            return await handling.ConfigureAwait(false);
        await limit.CancelAsync().ConfigureAwait(false);
        await EndHandlerAsync(transaction.Connection, handling).ConfigureAwait(false);
        return new HandlerTimeoutException(owner.Options.HandlerTimeout);
    }

    private async Task<Exception?> HandleAsync(FleetLine line, NpgsqlTransaction transaction, CancellationToken limit)
    {
        // Not on this thread: a handler may block.
        await Task.Yield();
        try
        {
            await (owner.Handler(line, transaction, limit) ?? throw new InvalidOperationException("The handler returned no task.")).ConfigureAwait(false);
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }

    /// <summary>
    /// A handler that does not end keeps nothing: the database ends its connection, so that no later statement of
    /// it can be kept, and no lock of it stays.
    /// </summary>
    private async Task EndHandlerAsync(NpgsqlConnection? its, Task handling)
    {
        if (its is null || await EndsAsync(handling).ConfigureAwait(false))
            return;
        var other = await owner.OpenAsync(CancellationToken.None).ConfigureAwait(false);
        await using (other.ConfigureAwait(false))
        {
            var command = new NpgsqlCommand("SELECT pg_terminate_backend($1)", other) { Parameters = { new() { Value = its.ProcessID } } };
            await using (command.ConfigureAwait(false))
                await command.ExecuteScalarAsync(CancellationToken.None).ConfigureAwait(false);
        }

        await EndsAsync(handling).ConfigureAwait(false);
        connection = null;
        _ = handling.ContinueWith(_ => its.Dispose(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private async Task<bool> EndsAsync(Task handling)
    {
        var late = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var timer = owner.Options.Scheduler.Schedule(Grace, () => late.TrySetResult());
        return await Task.WhenAny(handling, late.Task).ConfigureAwait(false) == handling;
    }

    private async Task EndAsync(NpgsqlTransaction? transaction)
    {
        if (transaction is null || connection is null)
            return;
        try
        {
            await transaction.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            // It cannot be said to the database any more: its connection is of no use.
            await DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task<NpgsqlConnection> OpenAsync() => connection ??= await owner.OpenAsync(cancellationToken).ConfigureAwait(false);
}
