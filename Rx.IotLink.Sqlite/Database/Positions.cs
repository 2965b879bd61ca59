using Microsoft.Data.Sqlite;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>The table of positions in an application's database.</summary>
internal static class Positions
{
    /// <summary>
    /// As many memories of a device as a link knows: the present one, and four that may come back.
    /// </summary>
    private const int MostEpochs = 5;

    // Numbers of 64 bits without sign are kept as the signed ones of the same bits. "used" rises with each line of the
    // device: the epochs that were used last stay.
    private const string Find = """
        CREATE TABLE IF NOT EXISTS iotlink_positions (
            device TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            number INTEGER NOT NULL,
            used INTEGER NOT NULL,
            PRIMARY KEY (device, epoch)
        ) WITHOUT ROWID;
        SELECT number FROM iotlink_positions WHERE device = $device AND epoch = $epoch
        """;

    private const string Move = """
        INSERT INTO iotlink_positions (device, epoch, number, used)
        VALUES ($device, $epoch, $number, (SELECT coalesce(max(used), 0) + 1 FROM iotlink_positions WHERE device = $device))
        ON CONFLICT (device, epoch) DO UPDATE SET number = excluded.number, used = excluded.used
        """;

    private const string Forget = """
        DELETE FROM iotlink_positions WHERE device = $device
        AND epoch NOT IN (SELECT epoch FROM iotlink_positions WHERE device = $device ORDER BY used DESC LIMIT $most)
        """;

    /// <summary>Moves the position of a device to a line. False: it is there, or beyond.</summary>
    public static bool TryMove(SqliteTransaction transaction, string device, LineId line)
    {
        using var command = new SqliteCommand(Find, transaction.Connection, transaction);
        command.Parameters.AddWithValue("$device", device);
        command.Parameters.AddWithValue("$epoch", unchecked((long)line.Epoch));
        var last = command.ExecuteScalar();
        if (last is long number && line.Number <= unchecked((ulong)number))
            return false;

        command.CommandText = Move;
        command.Parameters.AddWithValue("$number", unchecked((long)line.Number));
        command.ExecuteNonQuery();
        if (last is not null)
            return true;
        command.CommandText = Forget;
        command.Parameters.AddWithValue("$most", MostEpochs);
        command.ExecuteNonQuery();
        return true;
    }
}
