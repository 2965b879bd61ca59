using System.Text;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>A received line, in <c>fleet_inbox</c> and in <c>fleet_set_aside</c>.</summary>
internal static class InboxRow
{
    /// <summary>The columns in the order in which <see cref="Read"/> expects them.</summary>
    public const string Columns = "entry, id, epoch, number, text, received, checksum";

    /// <summary>Milliseconds since 1970, by the clock of SQLite.</summary>
    public const string Now = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

    /// <summary>Reads the current row.</summary>
    /// <exception cref="SessionStoreException">It is not as it was written.</exception>
    public static FleetLine Read(Statement at, int attempt, StoreFaults faults)
    {
        var (id, text) = (at.Utf8(1).ToArray(), at.Utf8(4).ToArray());
        var (epoch, number, received) = (at.Unsigned(2), at.Unsigned(3), at.Long(5));
        if (at.Long(6) != Checksum(id, epoch, number, text, received))
            throw faults.Damaged($"is damaged: entry {at.Long(0)} of the inbox is not as it was written");
        return new(Encoding.UTF8.GetString(id), new(epoch, number), Encoding.UTF8.GetString(text), DateTimeOffset.FromUnixTimeMilliseconds(received))
        {
            Entry = at.Long(0), Attempt = attempt,
        };
    }

    /// <summary>Reads all rows.</summary>
    /// <exception cref="SessionStoreException">One is not as it was written.</exception>
    public static void CheckAll(Connection connection, StoreFaults faults)
    {
        foreach (var table in (ReadOnlySpan<string>)["fleet_inbox", "fleet_set_aside"])
        {
            using var all = new Statement(connection.Handle, $"SELECT {Columns} FROM {table}");
            while (all.Step())
                _ = Read(all, attempt: 1, faults);
        }
    }

    public static long Checksum(ReadOnlySpan<byte> id, ulong epoch, ulong number, ReadOnlySpan<byte> text, long received)
    {
        var sum = new Checksum();
        sum.Add(id);
        sum.Add(epoch);
        sum.Add(number);
        sum.Add(text);
        sum.Add(received);
        return sum.Value;
    }
}
