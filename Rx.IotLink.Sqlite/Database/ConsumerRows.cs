using System.Text;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>
/// How far consumers are, and the lines whose handlers failed, with what came behind them from the same devices.
/// </summary>
/// <param name="connection">In whose transactions it is written.</param>
internal sealed class ConsumerRows(Connection connection)
{
    private readonly Statement begin = connection.Prepare("INSERT OR IGNORE INTO fleet_cursors (consumer, entry) VALUES (?1, ?2)");
    private readonly Statement move = connection.Prepare("UPDATE fleet_cursors SET entry = ?2 WHERE consumer = ?1 AND entry <= ?2");
    private readonly Statement setAside = connection.Prepare($"""
        INSERT OR IGNORE INTO fleet_set_aside (consumer, {InboxRow.Columns}, attempts, due, error, dead)
        SELECT ?1, {InboxRow.Columns}, ?3, {InboxRow.Now} + ?4, ?5, CASE WHEN ?6 = 1 THEN {InboxRow.Now} END FROM fleet_inbox WHERE entry = ?2
        """);

    private readonly Statement again = connection.Prepare($"""
        UPDATE fleet_set_aside SET attempts = ?3, due = {InboxRow.Now} + ?4, error = ?5, dead = CASE WHEN ?6 = 1 THEN {InboxRow.Now} END WHERE consumer = ?1 AND entry = ?2
        """);

    private readonly Statement done = connection.Prepare("DELETE FROM fleet_set_aside WHERE consumer = ?1 AND entry = ?2");

    // Only the oldest are looked at: nothing behind a line that must stay is older.
    private readonly Statement makeRoom = connection.Prepare($"""
        DELETE FROM fleet_inbox WHERE entry IN (
            SELECT o.entry FROM (SELECT entry, received FROM fleet_inbox ORDER BY entry LIMIT ?2) o WHERE o.received < {InboxRow.Now} - ?1
            AND NOT EXISTS (SELECT 1 FROM fleet_cursors c WHERE c.entry < o.entry))
        """);

    /// <summary>A consumer that did not exist begins behind an entry.</summary>
    public void Begin(string consumer, long entry) => begin.Bind(1, Name(consumer)).Bind(2, entry).Run();

    /// <summary>Moves the cursor.</summary>
    /// <exception cref="OperationCanceledException">The consumer was forgotten meanwhile.</exception>
    public void Move(string consumer, long to)
    {
        move.Bind(1, Name(consumer)).Bind(2, to).Run();
        if (SQLitePCL.raw.sqlite3_changes(connection.Handle) != 1)
            throw new OperationCanceledException("The consumer was forgotten.");
    }

    /// <summary>Sets a line aside.</summary>
    public void SetAside(string consumer, long entry, Failure failure) => Bind(setAside, consumer, entry, failure).Run();

    /// <summary>A line that was set aside has failed again.</summary>
    public void FailedAgain(string consumer, long entry, Failure failure) => Bind(again, consumer, entry, failure).Run();

    /// <summary>A line that was set aside is handled.</summary>
    public void Done(string consumer, long entry) => done.Bind(1, Name(consumer)).Bind(2, entry).Run();

    /// <summary>Nothing is kept for a consumer any longer.</summary>
    public void Forget(string consumer)
    {
        foreach (var table in (ReadOnlySpan<string>)["fleet_cursors", "fleet_set_aside"])
        {
            using var delete = new Statement(connection.Handle, $"DELETE FROM {table} WHERE consumer = ?1");
            delete.Bind(1, Name(consumer)).Run();
        }
    }

    /// <summary>Deletes lines that every consumer has had, and that are old enough. Gives how many.</summary>
    public int MakeRoom(TimeSpan age, int most)
    {
        makeRoom.Bind(1, (long)age.TotalMilliseconds).Bind(2, most).Run();
        return SQLitePCL.raw.sqlite3_changes(connection.Handle);
    }

    private static byte[] Name(string consumer) => Encoding.UTF8.GetBytes(consumer);

    private static Statement Bind(Statement statement, string consumer, long entry, Failure failure)
    {
        statement.Bind(1, Name(consumer)).Bind(2, entry).Bind(3, failure.Attempts).Bind(4, (long)failure.Delay.TotalMilliseconds).Bind(6, failure.IsDead ? 1L : 0L);
        return failure.Error is null ? statement.BindNull(5) : statement.Bind(5, Encoding.UTF8.GetBytes(failure.Error));
    }

    /// <summary>Why a line is set aside.</summary>
    /// <param name="Attempts">How often it was tried; 0: it waits for another one of its device.</param>
    /// <param name="Delay">When it is tried again.</param>
    /// <param name="Error">What failed; null: nothing of its own.</param>
    /// <param name="IsDead">Whether it is not tried again.</param>
    public readonly record struct Failure(int Attempts, TimeSpan Delay, string? Error, bool IsDead);
}
