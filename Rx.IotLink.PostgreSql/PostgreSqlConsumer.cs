using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Npgsql;
using Rx.IotLink.PostgreSql.Database;

namespace Rx.IotLink.PostgreSql;

/// <summary>
/// One process of a consumer: it has some of the partitions, and takes over those of one that has died or is stopped.
/// </summary>
internal sealed class PostgreSqlConsumer : IAsyncDisposable
{
    private readonly FleetConsumerOptions options;
    private readonly Consumption consumption;
    private readonly FleetInbox inbox;
    private readonly Leases leases;
    private readonly Func<Task> prepare;
    private readonly FleetConsumerSignals signals;
    private readonly CancellationTokenSource ending = new();
    private readonly IStopwatch clock;
    private readonly Task running;

    // For the loop alone.
    private readonly Dictionary<short, Lease> held = [];
    private TimeSpan renewAt;
    private bool mustRenew = true;

    // Guarded by the lock.
    private readonly Lock gate = new();
    private int busy;

    public PostgreSqlConsumer(string name, FleetConsumerOptions options, ConsumerSetUp setUp, HandleLine handler, bool isTransactional)
    {
        (Name, this.options, prepare) = (name, options, setUp.Prepare);
        clock = options.Scheduler.StartStopwatch();
        signals = new(options.Scheduler);
        inbox = new(setUp.Schema);
        leases = new(setUp.Schema, name, setUp.Member, setUp.Node);
        consumption = new(name, options, setUp, leases, handler, isTransactional, signals.Notify);
        Handle = new(name, signals.Notices, DisposeAsync);
        running = Task.Run(RunAsync, CancellationToken.None);
    }

    public string Name { get; }

    /// <summary>What the application has of it.</summary>
    public FleetConsumer Handle { get; }

    public async ValueTask DisposeAsync()
    {
        End();
        await running.ConfigureAwait(false);
    }

    /// <summary>Looks for lines soon.</summary>
    public void Wake() => signals.Wake();

    /// <summary>Completes when it has ended, and others may take over.</summary>
    public Task Ended => running;

    /// <summary>Begins no further line.</summary>
    public void End()
    {
        ending.Cancel();
        Wake();
    }

    private async Task RunAsync()
    {
        var failures = 0;
        while (!ending.IsCancellationRequested)
        {
            try
            {
                await prepare().ConfigureAwait(false);
                var begun = await TurnAsync().ConfigureAwait(false);
                if (failures > 0)
                    signals.Notify(new(LinkNoticeKind.StoreWorks, $"the consumer '{Name}' goes on: the database works again"));
                failures = 0;
                if (!begun)
                    await signals.WaitAsync(options.Poll).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (ending.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e)
            {
                if (failures == 0)
                    signals.Notify(new(LinkNoticeKind.StoreFailed, $"the consumer '{Name}' waits: {e.Message}", e));
                mustRenew = true;
                // Short, as another process may wait for this one's partitions meanwhile.
                var delay = options.BackOff.Delay(Math.Min(failures++, 10), Random.Shared.NextDouble());
                await signals.WaitAsync(delay < options.Lease ? delay : options.Lease).ConfigureAwait(false);
            }
        }

        while (IsBusy())
            await signals.WaitAsync(options.Poll).ConfigureAwait(false);
        await LeaveAsync().ConfigureAwait(false);
        consumption.Dispose();
    }

    /// <summary>Looks once what there is to do, and begins it. False: there was nothing.</summary>
    private async Task<bool> TurnAsync()
    {
        mustRenew |= held.Values.Any(lease => lease is { IsBusy: false, IsStale: true });
        if (!mustRenew && clock.Elapsed < renewAt && FreePlaces() == 0)
            return false;
        var connection = await consumption.OpenAsync(ending.Token).ConfigureAwait(false);
        await using var end = connection.ConfigureAwait(false);
        if (mustRenew || clock.Elapsed >= renewAt)
            await RenewAsync(connection).ConfigureAwait(false);
        var idle = held.Values.Where(lease => lease is { IsBusy: false, IsStale: false }).ToArray();
        if (idle.Length == 0)
            return false;
        var horizon = await inbox.HorizonAsync(connection, ending.Token).ConfigureAwait(false);
        var wanted = await consumption.Aside.WantedAsync(connection, [.. idle.Select(lease => (lease.Partition, lease.Entry))], horizon).ConfigureAwait(false);
        var begun = 0;
        // Those that have waited for the longest time come first.
        foreach (var lease in wanted.Select(partition => held[partition]).OrderBy(lease => lease.Turn).Take(FreePlaces()))
        {
            Begin(lease, horizon);
            begun++;
        }

        return begun > 0 && FreePlaces() > 0;
    }

    private int FreePlaces()
    {
        lock (gate)
            return options.MaxConcurrent - busy;
    }

    private bool IsBusy()
    {
        lock (gate)
            return busy > 0;
    }

    private void Begin(Lease lease, long horizon)
    {
        lock (gate)
            busy++;
        lease.IsBusy = true;
        lease.Turn = clock.Elapsed;
        _ = Task.Run(() => WorkAsync(lease, horizon), CancellationToken.None);
    }

    private async Task WorkAsync(Lease lease, long horizon)
    {
        try
        {
            await consumption.HandleAsync(lease, horizon, () => lease.Until > clock.Elapsed && !ending.IsCancellationRequested, ending.Token).ConfigureAwait(false);
        }
        catch (ObserverThrewException)
        {
            End();
        }
        catch (Exception)
        {
            // The database, or the end, or another process has the partition. Whether its
            // transaction was committed is not known: where the cursor is, the database says.
            lease.IsStale = true;
        }
        finally
        {
            lock (gate)
                busy--;
            lease.IsBusy = false;
            Wake();
        }
    }

    /// <summary>Renews the lease, and learns which partitions this process has.</summary>
    private async Task RenewAsync(NpgsqlConnection connection)
    {
        var asked = clock.Elapsed;
        var working = held.Values.Where(lease => lease.IsBusy).Select(lease => lease.Partition).ToHashSet();
        Task<long> Start() => options.FromNow ? inbox.HorizonAsync(connection, ending.Token) : Task.FromResult(0L);
        var owned = await leases.RenewAsync(connection, working, Start, options.Lease).ConfigureAwait(false);
        var tokens = owned.ToDictionary(one => one.Partition);
        foreach (var lost in held.Values.Where(lease => !tokens.TryGetValue(lease.Partition, out var one) || one.Token != lease.Token).ToArray())
        {
            lost.Until = TimeSpan.MinValue;
            held.Remove(lost.Partition);
        }

        foreach (var (partition, token, entry) in owned)
        {
            if (!held.TryGetValue(partition, out var lease))
                held.Add(partition, lease = new(partition, token) { Entry = entry });
            else if (lease is { IsBusy: false, IsStale: true })
                (lease.Entry, lease.IsStale) = (entry, false);
            lease.Until = asked + options.Lease;
        }

        // What is stale and at work is learned the next time.
        (mustRenew, renewAt) = (false, asked + (options.Lease / 3));
    }

    private async Task LeaveAsync()
    {
        try
        {
            var connection = await consumption.OpenAsync(CancellationToken.None).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
                await leases.LeaveAsync(connection).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            signals.Notify(new(LinkNoticeKind.StoreFailed, $"the consumer '{Name}' could not give its partitions back; others take them when the lease is over: {e.Message}", e));
        }
    }
}

/// <summary>What a consumer needs of its store.</summary>
/// <param name="Source">Its own connections, which the database knows by <paramref name="Member"/>.</param>
/// <param name="Schema">The schema of the tables.</param>
/// <param name="Node">The name of this process.</param>
/// <param name="Member">This consumer of this process.</param>
/// <param name="Prepare">Brings the tables up to date.</param>
internal sealed record ConsumerSetUp(NpgsqlDataSource Source, string Schema, string Node, Guid Member, Func<Task> Prepare);
