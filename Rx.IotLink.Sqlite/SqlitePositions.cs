using System.Diagnostics.CodeAnalysis;
using Microsoft.Data.Sqlite;
using Rx.IotLink.Sqlite.Database;
using SQLitePCL;

namespace Rx.IotLink.Sqlite;

/// <summary>
/// How far the lines of each device are accepted, in the application's own SQLite database. What a handler writes and
/// the acceptance of its line are one transaction: each line counts exactly once in the application's tables, whenever
/// its process dies.
/// </summary>
/// <remarks>
/// <para>
/// The positions are in a table of their own, <c>iotlink_positions</c>, in the same database. It has a row for each
/// memory (epoch) of a device, at most five a device. A line that an earlier process has committed comes again if it
/// was not acknowledged: it is accepted, and no handler is called for it.
/// </para>
/// <para>
/// The database may be a file of the application's own, or the file of a <see cref="SqliteSessionStore"/>, once that
/// has made it. A SQLite file has one writer at a time: handlers run one after the other, and in the store's file also
/// its batches wait for them. So do slow work outside of the handler.
/// </para>
/// <para>
/// This holds for lines whose name is the same in the next process: protocol 2, exactly once
/// (<see cref="ReceivedLine.Line"/>). Others may come again after a crash.
/// </para>
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "The semaphore has no wait handle.")]
public sealed class SqlitePositions
{
    private readonly string connectionString;

    // The transaction: whoever has it is the only one here that writes. SQLite alone would have the others ask again
    // and again.
    private readonly SemaphoreSlim turn = new(1, 1);

    /// <summary>Names the application's database. It is opened for each line.</summary>
    /// <param name="connectionString">
    /// Of Microsoft.Data.Sqlite. <c>Default Timeout</c> (30 s) is how long a transaction waits for other writers.
    /// </param>
    /// <exception cref="ArgumentException">It is not a connection string.</exception>
    public SqlitePositions(string connectionString)
    {
        ArgumentException.ThrowIfNullOrEmpty(connectionString);
        this.connectionString = new SqliteConnectionStringBuilder(connectionString).ToString();
    }

    /// <summary>
    /// Makes a handler for <c>Process</c> of a link or a server that runs in a transaction. When its task has ended,
    /// what it wrote and the position of the device are committed together, and then the line is accepted. If it
    /// throws, nothing of it is kept.
    /// </summary>
    /// <param name="handler">
    /// Handles a line; its commands use the transaction and <see cref="SqliteTransaction.Connection"/>. It must not end
    /// the transaction. Not called for a line that is committed already.
    /// </param>
    /// <returns>
    /// The handler. It throws <see cref="SqliteException"/> if the database cannot be used, and
    /// <see cref="InvalidOperationException"/> if <paramref name="handler"/> has ended the transaction.
    /// </returns>
    public Func<ReceivedLine, CancellationToken, Task> InTransaction(Func<ReceivedLine, SqliteTransaction, CancellationToken, Task> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return (line, cancellationToken) => RunAsync(line, transaction => handler(line, transaction, cancellationToken), cancellationToken);
    }

    /// <summary>
    /// The same for <see cref="ProcessOptions.DeadLetters"/>: what it writes and the acceptance of the line are one
    /// transaction.
    /// </summary>
    /// <param name="deadLetters">Takes a line that failed too often, for example into a table.</param>
    public Func<DeadLetter, CancellationToken, Task> DeadLettersInTransaction(Func<DeadLetter, SqliteTransaction, CancellationToken, Task> deadLetters)
    {
        ArgumentNullException.ThrowIfNull(deadLetters);
        return (letter, cancellationToken) => RunAsync(letter.Line, transaction => deadLetters(letter, transaction, cancellationToken), cancellationToken);
    }

    /// <summary>
    /// Moves the position of a device in a transaction of the caller's, for applications that make their own. Lines of
    /// a device must come in their order, as <c>Process</c> and <see cref="ILink.Received"/> give them: a line behind
    /// the position counts as one that was taken.
    /// </summary>
    /// <param name="transaction">
    /// The transaction. It must be one that may write from its beginning: not <c>deferred</c>.
    /// </param>
    /// <param name="line">The line. Accept it when the transaction is committed.</param>
    /// <returns>
    /// Whether the line is new. False: a transaction that was committed had it. Write nothing, and accept it.
    /// </returns>
    /// <exception cref="SqliteException">The database cannot be used.</exception>
    public static bool TryTake(SqliteTransaction transaction, ReceivedLine line)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentNullException.ThrowIfNull(line);
        return Positions.TryMove(transaction, line.DeviceId, line.Line);
    }

    private async Task RunAsync(ReceivedLine line, Func<SqliteTransaction, Task> work, CancellationToken cancellationToken)
    {
        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var connection = new SqliteConnection(connectionString);
            await using var closing = connection.ConfigureAwait(false);
            await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
            // Microsoft.Data.Sqlite alone asks every 150 ms.
            _ = raw.sqlite3_busy_timeout(connection.Handle, (int)Math.Min(connection.DefaultTimeout * 1_000L, int.MaxValue));
            var transaction = connection.BeginTransaction(deferred: false);
            await using var ending = transaction.ConfigureAwait(false);
            if (!TryTake(transaction, line))
                return;
            await (work(transaction) ?? throw new InvalidOperationException("The handler returned no task.")).ConfigureAwait(false);
            if (transaction.Connection is null)
                throw new InvalidOperationException("The handler has ended its transaction, which is committed when it returns.");
            await transaction.CommitAsync(CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            turn.Release();
        }
    }
}
