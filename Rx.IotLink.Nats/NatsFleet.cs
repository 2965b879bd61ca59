using System.Collections.Concurrent;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Rx.IotLink.Nats.Log;
using Rx.IotLink.Nats.Received;

namespace Rx.IotLink.Nats;

/// <summary>
/// Takes the lines of a fleet's devices, in any process that has its servers of NATS. From
/// <see cref="NatsSessionStore.Fleet"/>.
/// </summary>
/// <remarks>
/// <para>It promises less than the fleet of PostgreSQL or SQLite does, since there is no transaction:</para>
/// <list type="bullet">
/// <item>A line comes again if its process dies, is stopped or is cut off for longer than
/// <see cref="FleetConsumerOptions.Lease"/> before the servers know that it was handled; or if a node dies that knew
/// it. It has the same name then (<see cref="FleetLine.Line"/>). Of each of the 16 partitions at most one line does,
/// and in these cases alone. The former handler may still run meanwhile.</item>
/// <item>A line that fails holds up all devices of its partition, not its own device alone, until it succeeds or is a
/// dead letter (<see cref="FleetConsumerOptions.MaxAttempts"/>).</item>
/// <item>A handler that does not end after <see cref="FleetConsumerOptions.HandlerTimeout"/>, though its token is
/// cancelled, cannot be stopped: the line is tried again beside it.</item>
/// <item>It cannot write to devices, and does not know which ones there are: see <see cref="IFleet"/>.</item>
/// </list>
/// <para>
/// <see cref="FleetConsumerOptions.BatchLines"/> is of no use here: each line is handled for itself. All consumers of a
/// process share its connection.
/// </para>
/// </remarks>
public sealed class NatsFleet : IFleetInbox
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);

    private readonly NatsSessionStoreOptions options;
    private readonly InboxStream inbox;
    private readonly StoreFaults faults;
    private readonly NatsSessionStore store;

    // Those of this process that run.
    private readonly ConcurrentDictionary<NatsConsumer, bool> consumers = new();

    internal NatsFleet(NatsSessionStoreOptions options, InboxStream inbox, StoreFaults faults, NatsSessionStore store) =>
        (this.options, this.inbox, this.faults, this.store) = (options, inbox, faults, store);

    /// <inheritdoc/>
    /// <remarks>
    /// Lines of one partition are handled one after the other, whichever process has each; a device is always in the
    /// same one. <see cref="FleetConsumerOptions.MaxConcurrent"/> of them run at the same time here.
    /// </remarks>
    public FleetConsumer Process(string consumer, Func<FleetLine, CancellationToken, Task> handler, FleetConsumerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        FleetConsumer.Check(consumer, options);
        return Start(consumer, options ?? FleetConsumerOptions.Default, handler, isObserver: false).Handle;
    }

    /// <inheritdoc/>
    /// <remarks>
    /// It never completes, and never fails: while the servers are away, it waits. An observer that throws gets nothing
    /// more, and its line goes to another one. <see cref="FleetConsumerOptions.MaxConcurrent"/> is 1 here: after a
    /// crash one line of each partition may come again.
    /// </remarks>
    public IObservable<FleetLine> Lines(string consumer, FleetConsumerOptions? options = null)
    {
        FleetConsumer.Check(consumer, options);
        return Observable.Create<FleetLine>(observer =>
        {
            // Rx ends a subscription whose observer throws: nothing may come after that.
            var running = Start(consumer, (options ?? FleetConsumerOptions.Default) with { MaxConcurrent = 1 }, (line, _) =>
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
            }, isObserver: true);
            return Disposable.Create(running, static consumer => consumer.End());
        });
    }

    /// <inheritdoc/>
    public Task ForgetConsumerAsync(string consumer)
    {
        FleetConsumer.Check(consumer, options: null);
        return store.UseAsync(() => inbox.ForgetAsync(consumer));
    }

    /// <summary>Deletes lines that are old enough, and that every consumer has had, from time to time.</summary>
    internal IDisposable KeepRoom(IScheduler scheduler)
    {
        var pause = options.InboxFor / 10 < LongestPause ? options.InboxFor / 10 : LongestPause;
        return Observable.Timer(pause, pause, scheduler)
            .Select(_ => Observable.FromAsync(() => DeleteOldAsync(scheduler.Now - options.InboxFor))
                // The next time does the same.
                .Catch((Exception _) => Observable.Empty<System.Reactive.Unit>()))
            .Concat().Subscribe();
    }

    internal Task DeleteOldAsync(DateTimeOffset before) => store.UseAsync(() => inbox.DeleteBeforeAsync(before));

    /// <summary>
    /// Ends the consumers of this process; an observer that does not return is not waited for.
    /// </summary>
    internal async Task EndAsync()
    {
        var running = consumers.Keys.ToArray();
        foreach (var consumer in running)
            consumer.End();
        await Task.WhenAll(running.Select(consumer => consumer.Ended)).ToObservable()
            .TakeUntil(Observable.Timer(options.Timeout, DefaultScheduler.Instance)).DefaultIfEmpty().ToTask(CancellationToken.None).ConfigureAwait(false);
    }

    private NatsConsumer Start(string consumer, FleetConsumerOptions its, Func<FleetLine, CancellationToken, Task> handler, bool isObserver)
    {
        var running = new NatsConsumer(consumer, its, inbox, faults, store.UseAsync, handler, isObserver);
        consumers.TryAdd(running, true);
        _ = running.Ended.ContinueWith(_ => consumers.TryRemove(running, out bool _), TaskScheduler.Default);
        return running;
    }
}
