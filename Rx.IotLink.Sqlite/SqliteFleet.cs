using System.Collections.Concurrent;
using System.Data.Common;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Microsoft.Data.Sqlite;
using Rx.IotLink.Sqlite.Database;

namespace Rx.IotLink.Sqlite;

/// <summary>
/// Writes to the devices of a file, and takes their lines: what the fleet of a database that servers share does, in the
/// one process that has the file. From <see cref="SqliteSessionStore.Fleet"/>.
/// </summary>
/// <remarks>
/// <para>
/// The application's tables are in the store's file, beside those of the store (whose names begin with <c>fleet_</c>,
/// or are <c>store</c>, <c>sessions</c> and <c>lines</c>). So a transaction has both.
/// </para>
/// <para>
/// SQLite lets one transaction write at a time. While a handler of <see cref="Process"/> runs, nothing else is
/// written: no line is accepted, and no write is kept. So a handler must be quick, and must not wait for a line that it
/// writes, to a link or to the fleet: it calls
/// <see cref="EnqueueAsync(SqliteTransaction, string, string, CancellationToken)"/>. <see cref="Lines"/> has no
/// transaction, and holds up nobody.
/// </para>
/// </remarks>
public sealed class SqliteFleet : IFleet
{
    private static readonly string Node = Environment.MachineName;

    // Whether this code runs in a handler, whose transaction keeps others from writing.
    private static readonly AsyncLocal<HandlerScope?> Handling = new();

    private readonly SqliteSessionStore store;
    private readonly FleetWrites writes;
    private readonly FleetReports reports = new(collect: null);

    // Consumers that run, and the turns of those that share a name.
    private readonly ConcurrentDictionary<SqliteConsumer, bool> consumers = new();
    private readonly ConcurrentDictionary<string, SemaphoreSlim> turns = new(StringComparer.Ordinal);

    private readonly ConcurrentDictionary<string, LinkState> states = new(StringComparer.Ordinal);
    private volatile SqliteDeliveries? delivering;

    internal SqliteFleet(SqliteSessionStore store)
    {
        this.store = store;
        writes = new(store.Options.FleetLines, AddAsync, reports);
        Tracking = new(reports);

        async Task<IReadOnlyList<long>> AddAsync(IReadOnlyList<FleetWrite> lines)
        {
            var (entries, replaced) = await store.WriteForFleetAsync(to => to.AddToOutbox(lines, store.Options.FleetLines)).ConfigureAwait(false);
            replaced.ForEach(entry => reports.Tell(new(entry, FleetOutcome.Replaced)));
            foreach (var id in lines.Select(line => line.Id).Distinct(StringComparer.Ordinal))
                delivering?.Want(id);
            return entries;
        }
    }

    /// <summary>Finds out what has become of lines.</summary>
    internal FleetTracking Tracking { get; }

    /// <inheritdoc/>
    public Task WriteAsync(string id, string line, CancellationToken cancellationToken = default) => WriteAsync(FleetWrite.Of(id, line), cancellationToken);

    /// <inheritdoc/>
    public Task WriteAsync(string id, string line, WriteOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return WriteAsync(FleetWrite.Of(id, line, options), cancellationToken);
    }

    private Task WriteAsync(FleetWrite line, CancellationToken cancellationToken)
    {
        if (Handling.Value is { IsRunning: true })
            throw new InvalidOperationException("A handler of Process writes with EnqueueAsync and its transaction: nothing else is written in this file until it has ended.");
        return writes.WriteAsync(line, cancellationToken);
    }

    /// <summary>
    /// Writes a line as a part of a transaction of the application: it is sent if and when that is committed.
    /// </summary>
    /// <param name="transaction">A transaction in the file of the store, that of a handler or another one.</param>
    /// <param name="id">The device.</param>
    /// <param name="line">The line, without a line feed.</param>
    /// <param name="cancellationToken">Is looked at before anything is written.</param>
    /// <exception cref="ArgumentException">
    /// The id is empty, the line breaks a rule, or the transaction is one of another file.
    /// </exception>
    /// <exception cref="OutboxFullException">
    /// <see cref="SqliteSessionStoreOptions.FleetLines"/> lines of this device wait already.
    /// </exception>
    /// <exception cref="SessionStoreException">The file could not be written.</exception>
    public Task EnqueueAsync(SqliteTransaction transaction, string id, string line, CancellationToken cancellationToken = default) =>
        Enqueue(transaction, FleetWrite.Of(id, line), cancellationToken);

    /// <summary>The same, with options: a time to live and a key.</summary>
    /// <param name="transaction">A transaction in the file of the store, that of a handler or another one.</param>
    /// <param name="id">The device.</param>
    /// <param name="line">The line, without a line feed.</param>
    /// <param name="options">
    /// <see cref="WriteOptions.Until"/> must be <see cref="WrittenUntil.Stored"/>.
    /// </param>
    /// <param name="cancellationToken">Is looked at before anything is written.</param>
    /// <inheritdoc cref="IFleet.EnqueueAsync(DbTransaction, string, string, WriteOptions, CancellationToken)"/>
    public Task EnqueueAsync(SqliteTransaction transaction, string id, string line, WriteOptions options, CancellationToken cancellationToken = default) =>
        Enqueue(transaction, FleetWrite.InTransaction(id, line, options), cancellationToken);

    private Task Enqueue(SqliteTransaction transaction, FleetWrite line, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        cancellationToken.ThrowIfCancellationRequested();
        var connection = transaction.Connection ?? throw new InvalidOperationException("The transaction has ended.");
        if (!store.IsFileOf(connection))
            throw new ArgumentException($"It is a transaction of another file than '{Protocol.Printable.Of(store.Path)}'.", nameof(transaction));
        try
        {
            if (OutboxRows.Add(connection.Handle!, [line], store.Options.FleetLines)[0] == 0)
                return Task.FromException(writes.Full(line.Id));
        }
        catch (SqliteException e)
        {
            return Task.FromException(store.Faults.Of(e));
        }

        delivering?.WantAfter(transaction, line.Id);
        return Task.CompletedTask;
    }

    /// <summary>
    /// Runs a handler for each line of the inbox (<see cref="SqliteSessionStoreOptions.Inbox"/>): see
    /// <see cref="IFleet.Process"/>.
    /// </summary>
    /// <param name="consumer">The name of the consumer, 1 to 100 characters.</param>
    /// <param name="handler">
    /// Handles a line, with the transaction's connection. It must not end the transaction, and has at most half of
    /// <see cref="SqliteSessionStoreOptions.BusyTimeout"/>: nothing else is written meanwhile.
    /// </param>
    /// <param name="options">
    /// Limits and times; one handler runs at a time. Default <see cref="FleetConsumerOptions.Default"/>.
    /// </param>
    /// <returns>It ends when it is disposed of, or the store is.</returns>
    /// <exception cref="ArgumentException">The name or an option is out of range.</exception>
    /// <exception cref="InvalidOperationException">
    /// <see cref="SqliteSessionStoreOptions.BusyTimeout"/> is less than a second: the store could not wait for
    /// handlers.
    /// </exception>
    public FleetConsumer Process(
        string consumer, Func<FleetLine, SqliteTransaction, CancellationToken, Task> handler, FleetConsumerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        FleetConsumer.Check(consumer, options);
        if (store.Options.BusyTimeout < TimeSpan.FromSeconds(1))
            throw new InvalidOperationException($"BusyTimeout must be at least 1 s with Process, and is {store.Options.BusyTimeout.TotalSeconds:0.###} s.");
        return Start(consumer, options, handler, observer: null).Handle;
    }

    /// <inheritdoc/>
    public IObservable<FleetLine> Lines(string consumer, FleetConsumerOptions? options = null)
    {
        FleetConsumer.Check(consumer, options);
        return Observable.Create<FleetLine>(observer =>
        {
            var running = Start(consumer, options, handler: null, observer);
            return Disposable.Create(running, static consumer => consumer.End());
        });
    }

    /// <inheritdoc/>
    public async Task ForgetConsumerAsync(string consumer)
    {
        FleetConsumer.Check(consumer, options: null);
        await store.WriteForFleetAsync(to => to.InTransaction(() =>
        {
            to.Consumers.Forget(consumer);
            return true;
        })).ConfigureAwait(false);
    }

    /// <summary>
    /// The devices that the file knows, in the order of their ids. Whether they are up is known since the file was
    /// opened.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreException">The file could not be read.</exception>
    public async Task<IReadOnlyList<FleetDevice>> GetDevicesAsync(CancellationToken cancellationToken = default) =>
        [.. (await store.ReadForFleetAsync(from => from.Ids()).WaitAsync(cancellationToken).ConfigureAwait(false)).Select(Device)];

    /// <inheritdoc/>
    public async Task<FleetDevice?> GetDeviceAsync(string id, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        return (await GetDevicesAsync(cancellationToken).ConfigureAwait(false)).FirstOrDefault(device => device.Id == id);
    }

    /// <inheritdoc/>
    public IObservable<FleetDevice> ObserveDevices(TimeSpan? refresh = null, IScheduler? scheduler = null) => FleetDevices.Observe(GetDevicesAsync, refresh, scheduler);

    Task IFleet.EnqueueAsync(DbTransaction transaction, string id, string line, CancellationToken cancellationToken) =>
        EnqueueAsync(Own(transaction), id, line, cancellationToken);

    Task IFleet.EnqueueAsync(DbTransaction transaction, string id, string line, WriteOptions options, CancellationToken cancellationToken) =>
        EnqueueAsync(Own(transaction), id, line, options, cancellationToken);

    private static SqliteTransaction Own(DbTransaction transaction)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return transaction as SqliteTransaction
            ?? throw new ArgumentException($"It is a {transaction.GetType().Name}, and no transaction of Microsoft.Data.Sqlite.", nameof(transaction));
    }

    FleetConsumer IFleet.Process(string consumer, Func<FleetLine, DbTransaction, CancellationToken, Task> handler, FleetConsumerOptions? options)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return Process(consumer, (line, transaction, ct) => handler(line, transaction, ct), options);
    }

    /// <summary>
    /// Gives lines of the outbox to the links of a server, and learns from these which devices are up.
    /// </summary>
    internal IDisposable DeliverTo(IObservable<ILink> links, IScheduler scheduler)
    {
        var begun = new SqliteDeliveries(store, links, scheduler, (id, state) => states[id] = state);
        delivering = begun;
        return begun;
    }

    /// <summary>Ends lines that have waited for too long.</summary>
    internal async Task ExpireAsync()
    {
        foreach (var entry in await store.WriteForFleetAsync(to => to.ExpireOutbox()).ConfigureAwait(false))
            reports.Tell(new(entry, FleetOutcome.Expired));
    }

    /// <summary>A line can never be sent.</summary>
    internal async Task RefuseAsync(long entry, string reason)
    {
        await store.WriteForFleetAsync(to => to.Refuse(entry, reason)).ConfigureAwait(false);
        reports.Tell(new(entry, FleetOutcome.Refused, reason));
    }

    /// <summary>There are received lines.</summary>
    internal void Wake()
    {
        foreach (var (consumer, _) in consumers)
            consumer.Wake();
    }

    /// <summary>Begins no further line.</summary>
    internal void End()
    {
        reports.End(new ObjectDisposedException(nameof(SqliteSessionStore)));
        foreach (var consumer in consumers.Keys)
            consumer.End();
    }

    /// <summary>Ends the consumers; an observer that does not return is not waited for.</summary>
    internal async Task EndAsync()
    {
        var running = consumers.Keys.ToArray();
        End();
        await Task.WhenAll(running.Select(consumer => consumer.Ended)).ToObservable()
            .TakeUntil(Observable.Timer(store.Options.BusyTimeout, DefaultScheduler.Instance)).DefaultIfEmpty().ToTask(CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>From now on, in this flow of control, a handler runs.</summary>
    internal static HandlerScope BeginHandler() => Handling.Value = new();

    private FleetDevice Device(string id) => states.TryGetValue(id, out var state)
        ? new(id, Node, state.IsUp, state.Since, state.Outage is { } outage ? Protocol.Printable.Message(outage.ToString()) : null)
        : new(id, Node, IsUp: false, Since: null, LastOutage: null);

    private SqliteConsumer Start(
        string consumer, FleetConsumerOptions? options, Func<FleetLine, SqliteTransaction, CancellationToken, Task>? handler, IObserver<FleetLine>? observer)
    {
        var turn = turns.GetOrAdd(consumer, static _ => new(1, 1));
        var running = new SqliteConsumer(consumer, options ?? FleetConsumerOptions.Default, store, turn, handler, observer);
        consumers.TryAdd(running, true);
        _ = running.RunAsync().ContinueWith(_ => consumers.TryRemove(running, out bool _), TaskScheduler.Default);
        return running;
    }

    /// <summary>A handler that runs.</summary>
    internal sealed class HandlerScope : IDisposable
    {
        private volatile bool hasEnded;

        public bool IsRunning => !hasEnded;

        public void Dispose() => hasEnded = true;
    }
}
