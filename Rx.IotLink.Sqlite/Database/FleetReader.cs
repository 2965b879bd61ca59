using System.Text;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>Reads what consumers and links take.</summary>
/// <param name="connection">The connection of the reader.</param>
/// <param name="faults">Makes its exceptions.</param>
internal sealed class FleetReader(Connection connection, StoreFaults faults)
{
    private const string Waits = "s.consumer = ?1 AND s.dead IS NULL";

    // The first of its device that waits.
    private const string First =
        "NOT EXISTS (SELECT 1 FROM fleet_set_aside b WHERE b.consumer = s.consumer AND b.id = s.id AND b.entry < s.entry AND b.dead IS NULL)";

    private readonly Statement cursor = connection.Prepare("SELECT entry FROM fleet_cursors WHERE consumer = ?1");
    private readonly Statement lines = connection.Prepare($"SELECT {InboxRow.Columns} FROM fleet_inbox WHERE entry > ?1 ORDER BY entry LIMIT ?2");
    private readonly Statement blocked = connection.Prepare($"SELECT DISTINCT id FROM fleet_set_aside s WHERE {Waits}");
    private readonly Statement due = connection.Prepare($"""
        SELECT {InboxRow.Columns}, attempts, max(due - {InboxRow.Now}, 0) FROM fleet_set_aside s WHERE {Waits} AND {First} ORDER BY due LIMIT 1
        """);

    private readonly Statement entries = connection.Prepare($"""
        SELECT entry, text, checksum, expires, key, expires - {InboxRow.Now} FROM fleet_outbox
        WHERE id = ?1 AND refused IS NULL AND (expires IS NULL OR expires > {InboxRow.Now}) ORDER BY entry LIMIT ?2
        """);
    private readonly Statement ids = connection.Prepare("SELECT id FROM sessions ORDER BY id");

    /// <summary>The last entry that was given to a line.</summary>
    public long Last => connection.Number("SELECT seq FROM sqlite_sequence WHERE name = 'fleet_inbox'");

    /// <summary>How far a consumer is; null: it does not exist.</summary>
    public long? Cursor(string consumer) => Rows(cursor.Bind(1, Encoding.UTF8.GetBytes(consumer)), static at => (long?)at.Long(0)).FirstOrDefault();

    /// <summary>Lines behind an entry.</summary>
    public List<FleetLine> Lines(long after, int most) => Rows(lines.Bind(1, after).Bind(2, most), at => InboxRow.Read(at, attempt: 1, faults));

    /// <summary>The devices whose lines must wait for one that failed.</summary>
    public HashSet<string> Blocked(string consumer) =>
        Rows(blocked.Bind(1, Encoding.UTF8.GetBytes(consumer)), static at => Encoding.UTF8.GetString(at.Utf8(0))).ToHashSet(StringComparer.Ordinal);

    /// <summary>The line that is to be tried again first, and when.</summary>
    public (FleetLine Line, TimeSpan In)? Due(string consumer)
    {
        var found = Rows(due.Bind(1, Encoding.UTF8.GetBytes(consumer)), at => (InboxRow.Read(at, (int)at.Long(7) + 1, faults), TimeSpan.FromMilliseconds(at.Long(8))));
        return found.Count > 0 ? found[0] : null;
    }

    /// <summary>The first lines that wait for a device, oldest first.</summary>
    public List<FleetEntry> Entries(string id)
    {
        var utf8 = Encoding.UTF8.GetBytes(id);
        return Rows(entries.Bind(1, utf8).Bind(2, OutboxRows.MostOfOne), at =>
        {
            var expires = at.LongOrNull(3);
            var key = at.Utf8(4);
            if (at.Long(2) != OutboxRows.Checksum(utf8, at.Utf8(1), expires, key))
                throw OutboxRows.NotAsWritten(at.Long(0), faults);
            return new FleetEntry(
                at.Long(0), id, Encoding.UTF8.GetString(at.Utf8(1)), expires is null ? null : TimeSpan.FromMilliseconds(Math.Max(1, at.Long(5))),
                key.IsEmpty ? null : Encoding.UTF8.GetString(key));
        });
    }

    /// <summary>All devices that are known.</summary>
    public List<string> Ids() => Rows(ids, static at => Encoding.UTF8.GetString(at.Utf8(0)));

    private static List<T> Rows<T>(Statement statement, Func<Statement, T> one)
    {
        var all = new List<T>();
        try
        {
            while (statement.Step())
                all.Add(one(statement));
        }
        finally
        {
            statement.Reset();
        }

        return all;
    }
}
