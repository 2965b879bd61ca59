using System.Collections.Concurrent;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Npgsql;
using Rx.IotLink.PostgreSql.Database;

namespace Rx.IotLink.PostgreSql;

/// <summary>The lines that devices sent.</summary>
public sealed partial class PostgreSqlFleet
{
    private const int KeepAliveSeconds = 10;

    private static readonly string[] TablesOfConsumers = ["members", "cursors", "set_aside"];

    // Those of this process that run.
    private readonly ConcurrentDictionary<PostgreSqlConsumer, bool> consumers = new();

    /// <summary>
    /// Runs a handler for each line of the fleet's inbox (<see cref="PostgreSqlSessionStoreOptions.Inbox"/>), in any
    /// number of processes. What the handler writes in the transaction is committed with the place up to which the
    /// consumer has come: each line counts exactly once in the tables of the application, whichever process dies.
    /// </summary>
    /// <param name="consumer">
    /// The name of the consumer, 1 to 100 characters. Processes with the same name share its lines; each name gets all
    /// lines.
    /// </param>
    /// <param name="handler">
    /// Handles a line, with the transaction's connection. It must not end the transaction. If it throws, what it did is
    /// undone, and so is what was done for the lines before it in the same transaction: these come again.
    /// </param>
    /// <param name="options">Limits and times. Default <see cref="FleetConsumerOptions.Default"/>.</param>
    /// <remarks>
    /// <para>
    /// Lines of one device come in order, one at a time. A line that fails is set aside and tried again with longer and
    /// longer delays; what comes from its device meanwhile waits behind it, and other devices do not.
    /// </para>
    /// <para>
    /// What a handler does outside of the transaction may happen more than once: its transaction may be undone. The
    /// connections are the consumer's own, at most <see cref="FleetConsumerOptions.MaxConcurrent"/> + 2.
    /// </para>
    /// </remarks>
    /// <returns>It ends when it is disposed of, or the store is.</returns>
    /// <exception cref="ArgumentException">The name or an option is out of range.</exception>
    public FleetConsumer Process(
        string consumer, Func<FleetLine, NpgsqlTransaction, CancellationToken, Task> handler, FleetConsumerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return Start(consumer, options, (line, transaction, ct) => handler(line, transaction!, ct), isTransactional: true).Handle;
    }

    /// <summary>
    /// The lines of the fleet's inbox. All subscriptions of one consumer, in all processes, get each line once
    /// together. A line counts as handled soon after <c>OnNext</c> has returned: after a crash the last ones, at most
    /// <see cref="FleetConsumerOptions.BatchLines"/>, come again, to another process. Each has its name
    /// (<see cref="FleetLine.Line"/>).
    /// </summary>
    /// <param name="consumer">The name of the consumer: <see cref="Process"/>.</param>
    /// <param name="options">
    /// Limits and times; <see cref="FleetConsumerOptions.MaxConcurrent"/> is 1 here. Default
    /// <see cref="FleetConsumerOptions.Default"/>.
    /// </param>
    /// <remarks>
    /// Lines of one device come in order. Each subscription is a process of the consumer of its own. It never
    /// completes, and never fails: while the database is away, it waits. An observer that throws gets nothing more.
    /// </remarks>
    /// <exception cref="ArgumentException">The name or an option is out of range.</exception>
    public IObservable<FleetLine> Lines(string consumer, FleetConsumerOptions? options = null)
    {
        FleetConsumer.Check(consumer, options);
        return Observable.Create<FleetLine>(observer =>
        {
            // Rx ends a subscription whose observer throws: nothing may come after that.
            var running = Start(consumer, (options ?? FleetConsumerOptions.Default) with { MaxConcurrent = 1 }, (line, _, _) =>
            {
                try
                {
                    observer.OnNext(line);
                    return Task.CompletedTask;
                }
                catch (Exception e)
                {
                    return Task.FromException(new ObserverThrewException(e));
                }
            }, isTransactional: false);
            return Disposable.Create(running, static consumer => consumer.End());
        });
    }

    /// <summary>
    /// Removes a consumer that nobody needs any more: lines are not kept for it any longer, and its dead letters are
    /// deleted. If it runs again, it is a new one.
    /// </summary>
    /// <param name="consumer">The name of the consumer. An unknown one changes nothing.</param>
    /// <exception cref="SessionStoreException">The database failed.</exception>
    public Task ForgetConsumerAsync(string consumer)
    {
        FleetConsumer.Check(consumer, options: null);
        return run(async connection =>
        {
            var batch = new NpgsqlBatch(connection);
            await using var end = batch.ConfigureAwait(false);
            foreach (var table in TablesOfConsumers)
                batch.BatchCommands.Add(new($"DELETE FROM {options.Schema}.{table} WHERE consumer = $1") { Parameters = { new() { Value = consumer } } });
            await batch.ExecuteNonQueryAsync().ConfigureAwait(false);
        });
    }

    /// <summary>
    /// Ends the consumers of this process, so that others take over at once; an observer that does not return is not
    /// waited for.
    /// </summary>
    internal async Task EndAsync()
    {
        var running = consumers.Keys.ToArray();
        foreach (var consumer in running)
            consumer.End();
        await Task.WhenAll(running.Select(consumer => consumer.Ended)).ToObservable()
            .TakeUntil(Observable.Timer(options.Timeout, DefaultScheduler.Instance)).DefaultIfEmpty().ToTask(CancellationToken.None).ConfigureAwait(false);
    }

    private PostgreSqlConsumer Start(string consumer, FleetConsumerOptions? given, HandleLine handler, bool isTransactional)
    {
        FleetConsumer.Check(consumer, given);
        var its = given ?? FleetConsumerOptions.Default;
        var member = Guid.NewGuid();
        var setUp = new ConsumerSetUp(SourceOf(member, its), options.Schema, options.Node, member, () => run(_ => Task.CompletedTask));
        var running = new PostgreSqlConsumer(consumer, its, setUp, handler, isTransactional);
        consumers.TryAdd(running, true);
        _ = running.Ended.ContinueWith(_ => consumers.TryRemove(running, out bool _), TaskScheduler.Default);
        return running;
    }

    /// <summary>
    /// The application's statements run on these connections, with the settings of the role and the database.
    /// </summary>
    private NpgsqlDataSource SourceOf(Guid member, FleetConsumerOptions its)
    {
        var settings = options.Parse();
        // One renews the lease, and one ends a handler that does not end by itself.
        settings.MaxPoolSize = its.MaxConcurrent + 2;
        settings.MinPoolSize = Math.Min(settings.MinPoolSize, settings.MaxPoolSize);
        settings.ApplicationName = Leases.NameOf(member);
        settings.Timeout = (int)Math.Ceiling(options.Timeout.TotalSeconds);
        settings.Enlist = false;
        settings.IncludeErrorDetail = false;
        settings.PersistSecurityInfo = false;
        settings.TcpKeepAlive = true;
        settings.TcpKeepAliveTime = KeepAliveSeconds;
        settings.TcpKeepAliveInterval = KeepAliveSeconds;
        if (settings.Host!.Contains(',', StringComparison.Ordinal))
            settings.TargetSessionAttributes ??= "primary";
        return new NpgsqlDataSourceBuilder(settings.ConnectionString).Build();
    }
}
