using Microsoft.Data.Sqlite;
using Rx.IotLink;

namespace Crash.Ends;

/// <summary>
/// The application's own table, in a database of its own: it takes each line once, by the line's name, in a transaction
/// of its own.
/// </summary>
internal sealed class Table : IDisposable
{
    private readonly Lock gate = new();
    private readonly SqliteConnection connection;
    private readonly SqliteCommand take;

    private Table(SqliteConnection connection)
    {
        this.connection = connection;
        take = connection.CreateCommand();
        take.CommandText = """
            INSERT INTO taken (device, epoch, number, text) VALUES ($device, $epoch, $number, $text)
            ON CONFLICT (device, epoch, number) DO UPDATE SET given = given + 1
            """;
        foreach (var name in (string[])["$device", "$epoch", "$number", "$text"])
            take.Parameters.Add(new SqliteParameter { ParameterName = name });
    }

    /// <summary>Opens the table, or makes it.</summary>
    public static Table Open(string path)
    {
        var file = new SqliteConnection($"Data Source={path};Pooling=False");
        file.Open();
        using var create = file.CreateCommand();
        // Processes are killed here, not the machine.
        create.CommandText = """
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = NORMAL;
            CREATE TABLE IF NOT EXISTS taken (
                place INTEGER PRIMARY KEY AUTOINCREMENT,
                device TEXT NOT NULL,
                epoch INTEGER NOT NULL,
                number INTEGER NOT NULL,
                text TEXT NOT NULL,
                given INTEGER NOT NULL DEFAULT 1,
                UNIQUE (device, epoch, number)
            );
            """;
        create.ExecuteNonQuery();
        return new(file);
    }

    /// <summary>Takes a line. One that it has already, by its name, is counted.</summary>
    public void Take(string device, LineId line, string text)
    {
        lock (gate)
        {
            take.Parameters[0].Value = device;
            take.Parameters[1].Value = (long)line.Epoch;
            take.Parameters[2].Value = (long)line.Number;
            take.Parameters[3].Value = text;
            take.ExecuteNonQuery();
        }
    }

    /// <summary>What was taken of one device, in the order of taking, and how often each was given.</summary>
    public IReadOnlyList<(string Text, int Given)> Read(string device)
    {
        using var read = connection.CreateCommand();
        read.CommandText = "SELECT text, given FROM taken WHERE device = $device ORDER BY place";
        read.Parameters.AddWithValue("$device", device);
        using var rows = read.ExecuteReader();
        var taken = new List<(string, int)>();
        while (rows.Read())
            taken.Add((rows.GetString(0), rows.GetInt32(1)));
        return taken;
    }

    public void Dispose()
    {
        take.Dispose();
        connection.Dispose();
    }
}
