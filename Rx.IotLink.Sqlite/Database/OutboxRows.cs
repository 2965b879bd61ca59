using System.Text;
using SQLitePCL;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>The table of lines that were written for devices, and that their links have not taken yet.</summary>
internal static class OutboxRows
{
    /// <summary>The most lines of a device that are read at once.</summary>
    public const int MostOfOne = 64;

    /// <summary>A line that was read is in its link, or still waits, after that time.</summary>
    private const int TakenWithinMilliseconds = 2_000;

    private const int MostExpired = 1_000;

    /// <summary>Adds lines in their order, in the transaction of a connection.</summary>
    /// <returns>
    /// The number of each line; 0: it was left out, since its device has as many already.
    /// </returns>
    public static long[] Add(sqlite3 db, IReadOnlyList<FleetWrite> lines, int most)
    {
        using var count = new Statement(db, $"SELECT count(*) FROM (SELECT 1 FROM fleet_outbox WHERE id = ?1 AND refused IS NULL AND (expires IS NULL OR expires > {InboxRow.Now}) LIMIT ?2)");
        using var add = new Statement(db, $"INSERT INTO fleet_outbox (id, text, written, checksum, expires, key) VALUES (?1, ?2, {InboxRow.Now}, ?3, ?4, ?5)");
        using var last = new Statement(db, "SELECT last_insert_rowid()");
        using var clock = new Statement(db, $"SELECT {InboxRow.Now}");
        _ = clock.Step();
        var now = clock.Long(0);
        var (entries, room) = (new long[lines.Count], new Dictionary<string, bool>(StringComparer.Ordinal));
        for (var at = 0; at < lines.Count; at++)
        {
            var line = lines[at];
            var (id, utf8, key) = (Encoding.UTF8.GetBytes(line.Id), Encoding.UTF8.GetBytes(line.Text), line.Key is null ? null : Encoding.UTF8.GetBytes(line.Key));
            if (!room.TryGetValue(line.Id, out var hasRoom))
            {
                _ = count.Bind(1, id).Bind(2, most).Step();
                room.Add(line.Id, hasRoom = count.Long(0) < most);
                count.Reset();
            }

            if (!hasRoom)
                continue;
            long? expires = line.TimeToLive is { } time ? now + Math.Max(1, (long)time.TotalMilliseconds) : null;
            add.Bind(1, id).Bind(2, utf8).Bind(3, Checksum(id, utf8, expires, key)).Bind(4, expires);
            (key is null ? add.BindNull(5) : add.Bind(5, key)).Run();
            _ = last.Step();
            entries[at] = last.Long(0);
            last.Reset();
        }

        return entries;
    }

    /// <summary>A line takes the places of older ones of its key. Gives the numbers of these.</summary>
    public static List<long> Replace(Connection connection, FleetWrite line)
    {
        using var replace = new Statement(connection.Handle, "DELETE FROM fleet_outbox WHERE id = ?1 AND key = ?2 AND refused IS NULL RETURNING entry");
        return Numbers(replace.Bind(1, Encoding.UTF8.GetBytes(line.Id)).Bind(2, Encoding.UTF8.GetBytes(line.Key!)));
    }

    /// <summary>Removes lines that have expired. Gives their numbers.</summary>
    public static List<long> Expire(Connection connection)
    {
        using var expire = new Statement(connection.Handle, $"""
            DELETE FROM fleet_outbox WHERE entry IN (
                SELECT entry FROM fleet_outbox WHERE expires < {InboxRow.Now} - {TakenWithinMilliseconds} AND refused IS NULL ORDER BY expires LIMIT {MostExpired}
            ) RETURNING entry
            """);
        return Numbers(expire);
    }

    private static List<long> Numbers(Statement statement)
    {
        var all = new List<long>();
        while (statement.Step())
            all.Add(statement.Long(0));
        return all;
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
        using var all = new Statement(connection.Handle, "SELECT entry, id, text, checksum, expires, key FROM fleet_outbox");
        while (all.Step())
        {
            if (all.Long(3) != Checksum(all.Utf8(1), all.Utf8(2), all.LongOrNull(4), all.Utf8(5)))
                throw NotAsWritten(all.Long(0), faults);
        }
    }

    public static SessionStoreException NotAsWritten(long entry, StoreFaults faults) =>
        faults.Damaged($"is damaged: entry {entry} of the outbox is not as it was written");

    public static long Checksum(ReadOnlySpan<byte> id, ReadOnlySpan<byte> text, long? expires, ReadOnlySpan<byte> key)
    {
        var sum = new Checksum();
        sum.Add(id);
        sum.Add(text);
        // Rows of before had neither.
        if (expires is { } time)
            sum.Add(time);
        if (!key.IsEmpty)
            sum.Add(key);
        return sum.Value;
    }
}
