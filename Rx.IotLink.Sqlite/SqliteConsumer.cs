using System.Reactive.Concurrency;
using Microsoft.Data.Sqlite;
using Rx.IotLink.Sqlite.Database;

namespace Rx.IotLink.Sqlite;

/// <summary>
/// A consumer of the lines of a file. Those that share a name take turns: the file says where they are.
/// </summary>
internal sealed class SqliteConsumer : IAsyncDisposable
{
    /// <summary>There is nothing to do until somebody says so.</summary>
    private static readonly TimeSpan Long = TimeSpan.FromHours(1);

    private readonly FleetConsumerOptions options;
    private readonly SqliteSessionStore store;
    private readonly SemaphoreSlim turn;
    private readonly SqliteHandling? handling;
    private readonly IObserver<FleetLine>? observer;
    private readonly FleetConsumerSignals signals;
    private readonly CancellationTokenSource ending = new();

    public SqliteConsumer(
        string name, FleetConsumerOptions options, SqliteSessionStore store, SemaphoreSlim turn,
        Func<FleetLine, SqliteTransaction, CancellationToken, Task>? handler, IObserver<FleetLine>? observer)
    {
        Name = name;
        (this.options, this.store, this.turn, this.observer) = (options, store, turn, observer);
        signals = new(options.Scheduler);
        Handle = new(name, signals.Notices, DisposeAsync);
        handling = handler is null ? null : new(name, options, store, handler, ending.Token);
    }

    public string Name { get; }

    /// <summary>What the application has of it.</summary>
    public FleetConsumer Handle { get; }

    /// <summary>Completes when it has ended.</summary>
    public Task Ended { get; private set; } = Task.CompletedTask;

    /// <summary>Begins.</summary>
    public Task RunAsync() => Ended = Task.Run(LoopAsync, CancellationToken.None);

    /// <summary>Looks for lines soon.</summary>
    public void Wake() => signals.Wake();

    /// <summary>Begins no further line.</summary>
    public void End()
    {
        ending.Cancel();
        Wake();
    }

    public async ValueTask DisposeAsync()
    {
        End();
        await Ended.ConfigureAwait(false);
    }

    private async Task LoopAsync()
    {
        var failures = 0;
        while (!ending.IsCancellationRequested)
        {
            try
            {
                var pause = await TakeTurnAsync().ConfigureAwait(false);
                if (failures > 0)
                    signals.Notify(new(LinkNoticeKind.StoreWorks, $"the consumer '{Name}' goes on: the file works again"));
                failures = 0;
                if (pause is { } time)
                    await signals.WaitAsync(time).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (ending.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e) when (e is ObserverThrewException or ObjectDisposedException)
            {
                break;
            }
            catch (Exception e)
            {
                if (failures == 0)
                    signals.Notify(new(LinkNoticeKind.StoreFailed, $"the consumer '{Name}' waits: {FleetConsumer.Said(e)}", e));
                await signals.WaitAsync(options.BackOff.Delay(Math.Min(failures++, 10), Random.Shared.NextDouble())).ConfigureAwait(false);
            }
        }

        handling?.Dispose();
    }

    /// <summary>Handles what there is. Null: there may be more.</summary>
    private async Task<TimeSpan?> TakeTurnAsync()
    {
        await turn.WaitAsync(ending.Token).ConfigureAwait(false);
        try
        {
            var after = await CursorAsync().ConfigureAwait(false);
            if (handling is not null)
                await TryAgainAsync(handling).ConfigureAwait(false);
            var (lines, blocked) = await store.ReadForFleetAsync(from => (from.Lines(after, options.BatchLines), from.Blocked(Name))).ConfigureAwait(false);
            if (handling is not null)
                await HandleAsync(handling, lines, blocked).ConfigureAwait(false);
            else if (lines.Count > 0)
                await ObserveAsync(lines).ConfigureAwait(false);
            if (lines.Count == options.BatchLines)
                return null;
            var due = await store.ReadForFleetAsync(from => from.Due(Name)).ConfigureAwait(false);
            return due?.In ?? Long;
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task<long> CursorAsync()
    {
        var (cursor, last) = await store.ReadForFleetAsync(from => (from.Cursor(Name), from.Last)).ConfigureAwait(false);
        if (cursor is { } known)
            return known;
        var begin = options.FromNow ? last : 0;
        await WriteAsync(to => to.Begin(Name, begin)).ConfigureAwait(false);
        return begin;
    }

    /// <summary>Lines that failed, and whose time has come.</summary>
    private async Task TryAgainAsync(SqliteHandling its)
    {
        for (var n = 0; n < options.BatchLines; n++)
        {
            if (await store.ReadForFleetAsync(from => from.Due(Name)).ConfigureAwait(false) is not { In.Ticks: 0 } due)
                return;
            var line = due.Line;
            var (_, error) = await its.TryAsync([line], [], isAgain: true).ConfigureAwait(false);
            if (error is not null)
                await WriteAsync(to => to.FailedAgain(Name, line.Entry, Failed(line, error))).ConfigureAwait(false);
        }
    }

    /// <summary>Lines behind the cursor.</summary>
    private async Task HandleAsync(SqliteHandling its, List<FleetLine> lines, HashSet<string> blocked)
    {
        for (var (begin, end) = (0, lines.Count); begin < lines.Count;)
        {
            var (at, error) = await its.TryAsync(lines[begin..end], blocked, isAgain: false).ConfigureAwait(false);
            if (error is null)
            {
                (begin, end) = (begin + at, lines.Count);
                continue;
            }

            // What was done for the lines before it is undone, too: they are handled again, without it.
            end = begin + at;
            if (at > 0)
                continue;
            var line = lines[begin];
            var failure = Failed(line, error);
            await WriteAsync(to =>
            {
                to.SetAside(Name, line.Entry, failure);
                to.Move(Name, line.Entry);
            }).ConfigureAwait(false);
            if (!failure.IsDead)
                blocked.Add(line.DeviceId);
            (begin, end) = (begin + 1, lines.Count);
        }
    }

    /// <summary>What the observer has had is not given to it again.</summary>
    private async Task ObserveAsync(List<FleetLine> lines)
    {
        var had = 0L;
        try
        {
            foreach (var line in lines)
            {
                ending.Token.ThrowIfCancellationRequested();
                try
                {
                    observer!.OnNext(line);
                }
                catch (Exception e)
                {
                    throw new ObserverThrewException(e);
                }

                had = line.Entry;
            }
        }
        finally
        {
            if (had > 0)
                await WriteAsync(to => to.Move(Name, had)).ConfigureAwait(false);
        }
    }

    private ConsumerRows.Failure Failed(FleetLine line, Exception e)
    {
        var isDead = line.Attempt >= options.MaxAttempts;
        var said = FleetConsumer.Said(e);
        signals.Notify(new(LinkNoticeKind.HandlerFailed, $"the consumer '{Name}' failed at line {line}, attempt {line.Attempt}{(isDead ? "; it is a dead letter now" : "")}: {said}", e));
        return new(line.Attempt, options.BackOff.Delay(line.Attempt - 1, Random.Shared.NextDouble()), said, isDead);
    }

    private Task<bool> WriteAsync(Action<ConsumerRows> work) => store.WriteForFleetAsync(to => to.InTransaction(() =>
    {
        work(to.Consumers);
        return true;
    }));
}
