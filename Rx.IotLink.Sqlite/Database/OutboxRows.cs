using System.Text;
using SQLitePCL;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>The table of lines that were written for devices, and that their links have not taken yet.</summary>
internal static class OutboxRows
{
    /// <summary>The most lines of a device that are read at once.</summary>
    public const int MostOfOne = 64;

    /// <summary>Adds lines in their order, in the transaction of a connection.</summary>
    /// <returns>The places of lines that were left out, since their devices have as many already.</returns>
    public static HashSet<int> Add(sqlite3 db, IReadOnlyList<(string Id, string Text)> lines, int most)
    {
        using var count = new Statement(db, "SELECT count(*) FROM (SELECT 1 FROM fleet_outbox WHERE id = ?1 AND refused IS NULL LIMIT ?2)");
        using var add = new Statement(db, $"INSERT INTO fleet_outbox (id, text, written, checksum) VALUES (?1, ?2, {InboxRow.Now}, ?3)");
        var (left, room) = (new HashSet<int>(), new Dictionary<string, bool>(StringComparer.Ordinal));
        for (var at = 0; at < lines.Count; at++)
        {
            var (id, utf8) = (Encoding.UTF8.GetBytes(lines[at].Id), Encoding.UTF8.GetBytes(lines[at].Text));
            if (!room.TryGetValue(lines[at].Id, out var hasRoom))
            {
                _ = count.Bind(1, id).Bind(2, most).Step();
                room.Add(lines[at].Id, hasRoom = count.Long(0) < most);
                count.Reset();
            }

            if (hasRoom)
                add.Bind(1, id).Bind(2, utf8).Bind(3, Checksum(id, utf8)).Run();
            else
                left.Add(at);
        }

        return left;
    }

    /// <summary>A line can never be sent: it stays in the table, with the reason, and is not read again.</summary>
    public static void Refuse(Connection connection, long entry, string reason)
    {
        using var refuse = new Statement(connection.Handle, "UPDATE fleet_outbox SET refused = ?2 WHERE entry = ?1");
        refuse.Bind(1, entry).Bind(2, Encoding.UTF8.GetBytes(reason)).Run();
    }

    /// <summary>Reads all rows.</summary>
    /// <exception cref="SessionStoreException">One is not as it was written.</exception>
    public static void CheckAll(Connection connection, StoreFaults faults)
    {
        using var all = new Statement(connection.Handle, "SELECT entry, id, text, checksum FROM fleet_outbox");
        while (all.Step())
        {
            if (all.Long(3) != Checksum(all.Utf8(1), all.Utf8(2)))
                throw NotAsWritten(all.Long(0), faults);
        }
    }

    public static SessionStoreException NotAsWritten(long entry, StoreFaults faults) =>
        faults.Damaged($"is damaged: entry {entry} of the outbox is not as it was written");

    public static long Checksum(ReadOnlySpan<byte> id, ReadOnlySpan<byte> text)
    {
        var sum = new Checksum();
        sum.Add(id);
        sum.Add(text);
        return sum.Value;
    }
}
