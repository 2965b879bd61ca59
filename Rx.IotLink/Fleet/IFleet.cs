using System.Data.Common;
using System.Reactive.Concurrency;

namespace Rx.IotLink;

/// <summary>
/// All devices of a store, for an application: it writes to them and takes their lines, whichever server they are at.
/// The same over one file (SQLite, one process) and over a database that servers share (PostgreSQL).
/// </summary>
/// <remarks>
/// Received lines are there if the store keeps them (its option <c>Inbox</c>): they are kept in the commit that accepts
/// them, so a device is done with its line although no consumer runs.
/// </remarks>
public interface IFleet : IFleetInbox
{
    /// <summary>
    /// Writes a line. Completes when it is kept. Lines of one process keep their order for each device.
    /// </summary>
    /// <param name="id">The device.</param>
    /// <param name="line">The line, without a line feed.</param>
    /// <param name="cancellationToken">Ends the wait; the line may be kept all the same.</param>
    /// <exception cref="ArgumentException">The id is empty, or the line breaks a rule.</exception>
    /// <exception cref="OutboxFullException">As many lines of this device wait as may.</exception>
    /// <exception cref="InvalidOperationException">
    /// A handler of <see cref="Process"/> has called it whose transaction keeps others from writing (SQLite): it calls
    /// <see cref="EnqueueAsync(DbTransaction, string, string, CancellationToken)"/>.
    /// </exception>
    /// <exception cref="SessionStoreException">
    /// The store failed. The line may be kept all the same: written again, it may come twice.
    /// </exception>
    Task WriteAsync(string id, string line, CancellationToken cancellationToken = default);

    /// <summary>
    /// The same, with options: a time to live, a key, and when the write completes. With
    /// <see cref="WrittenUntil.Accepted"/>, the default of <see cref="WriteOptions"/>, it completes when the device has
    /// accepted the line, whichever server it is at, and however many servers die meanwhile.
    /// </summary>
    /// <param name="id">The device.</param>
    /// <param name="line">The line, without a line feed.</param>
    /// <param name="options">
    /// <see cref="WriteOptions.Delivery"/> and <see cref="WriteOptions.Ordering"/> must be the defaults. The time to
    /// live begins when the store has the line; it need not be sent by then if it was just on its way to its server.
    /// A line of the same key that waits in the store, and no server has taken, is replaced.
    /// </param>
    /// <param name="cancellationToken">Ends the wait; the line arrives all the same.</param>
    /// <exception cref="ArgumentException">The id is empty, the line breaks a rule, or an option does.</exception>
    /// <exception cref="OutboxFullException">
    /// As many lines of this device wait as may, or 65,536 writes of this process wait for devices.
    /// </exception>
    /// <exception cref="InvalidOperationException">As for a write without options.</exception>
    /// <exception cref="SessionStoreException">
    /// The store failed. The line may be kept all the same. A store that fails later has the write wait.
    /// </exception>
    /// <exception cref="LineExpiredException">It had waited for too long; it does not arrive.</exception>
    /// <exception cref="LineReplacedException">A newer line of its key took its place.</exception>
    /// <exception cref="InvalidLineException">Its link refuses it: it is too long, for example.</exception>
    /// <exception cref="LinkClosedException">The memory of the device was deleted.</exception>
    Task WriteAsync(string id, string line, WriteOptions options, CancellationToken cancellationToken = default);

    /// <summary>
    /// Writes a line as a part of a transaction of the application: it is sent if and when that is committed.
    /// </summary>
    /// <param name="transaction">A transaction in the database of the store.</param>
    /// <param name="id">The device.</param>
    /// <param name="line">The line, without a line feed.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">
    /// The id is empty, the line breaks a rule, or the transaction is one of another database.
    /// </exception>
    /// <exception cref="OutboxFullException">As many lines of this device wait as may.</exception>
    /// <exception cref="SessionStoreException">The store failed.</exception>
    Task EnqueueAsync(DbTransaction transaction, string id, string line, CancellationToken cancellationToken = default);

    /// <summary>
    /// The same, with options: a time to live and a key. No report follows, so <see cref="WriteOptions.Until"/> must be
    /// <see cref="WrittenUntil.Stored"/>. A line of its key is replaced by the link alone, not in the table.
    /// </summary>
    /// <param name="transaction">A transaction in the database of the store.</param>
    /// <param name="id">The device.</param>
    /// <param name="line">The line, without a line feed.</param>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">As for a line without options, or an option is out of range.</exception>
    /// <exception cref="OutboxFullException">As many lines of this device wait as may.</exception>
    /// <exception cref="SessionStoreException">The store failed.</exception>
    Task EnqueueAsync(DbTransaction transaction, string id, string line, WriteOptions options, CancellationToken cancellationToken = default);

    /// <summary>
    /// Runs a handler for each received line. What the handler writes in the transaction is committed with the place up
    /// to which the consumer has come: each line counts exactly once in the tables of the application, whichever
    /// process dies.
    /// </summary>
    /// <param name="consumer">
    /// The name of the consumer, 1 to 100 characters. Those with the same name share its lines; each name gets all
    /// lines.
    /// </param>
    /// <param name="handler">
    /// Handles a line, with the transaction's connection. It must not end the transaction. If it throws, what it did is
    /// undone, and so is what was done for the lines before it in the same transaction: these come again.
    /// </param>
    /// <param name="options">Limits and times. Default <see cref="FleetConsumerOptions.Default"/>.</param>
    /// <remarks>
    /// Lines of one device come in order, one at a time. A line that fails is set aside and tried again with longer and
    /// longer delays; what comes from its device meanwhile waits behind it, and other devices do not. What a handler
    /// does outside of the transaction may happen more than once: its transaction may be undone.
    /// </remarks>
    /// <returns>It ends when it is disposed of, or the store is.</returns>
    /// <exception cref="ArgumentException">The name or an option is out of range.</exception>
    FleetConsumer Process(string consumer, Func<FleetLine, DbTransaction, CancellationToken, Task> handler, FleetConsumerOptions? options = null);

    FleetConsumer IFleetInbox.Process(string consumer, Func<FleetLine, CancellationToken, Task> handler, FleetConsumerOptions? options)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return Process(consumer, (line, _, ct) => handler(line, ct), options);
    }

    /// <summary>
    /// The devices in the order of their ids: which server has each, whether it is up and since when, and why it was
    /// down the last time.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreException">The store failed.</exception>
    Task<IReadOnlyList<FleetDevice>> GetDevicesAsync(CancellationToken cancellationToken = default);

    /// <summary>The same for one device; null if the store does not know it.</summary>
    /// <param name="id">The device.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreException">The store failed.</exception>
    Task<FleetDevice?> GetDeviceAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>
    /// The devices of the whole fleet: each one when it is found, then again whenever it has changed. One that is
    /// forgotten comes once more, as down. While the store is away nothing comes.
    /// </summary>
    /// <param name="refresh">
    /// How often the store is asked: 10 ms to a day. A state between two looks may be missed, the last one is not.
    /// Default null: every second.
    /// </param>
    /// <param name="scheduler">The clock. Default: the real one.</param>
    /// <exception cref="ArgumentException"><paramref name="refresh"/> is out of range.</exception>
    IObservable<FleetDevice> ObserveDevices(TimeSpan? refresh = null, IScheduler? scheduler = null);
}
