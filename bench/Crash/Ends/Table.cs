using Microsoft.Data.Sqlite;
using Rx.IotLink;

namespace Crash.Ends;

/// <summary>
/// The application's own table, on a connection of its own. Where it has the names of lines, it takes each line once,
/// in a transaction of its own.
/// </summary>
internal sealed class Table : IDisposable
{
    private const string Insert = "INSERT INTO taken (device, epoch, number, text) VALUES ($device, $epoch, $number, $text)";

    private static readonly string[] Names = ["$device", "$epoch", "$number", "$text"];

    private readonly Lock gate = new();
    private readonly SqliteConnection connection;
    private readonly SqliteCommand take;

    private Table(SqliteConnection connection, bool hasNames)
    {
        this.connection = connection;
        take = connection.CreateCommand();
        take.CommandText = hasNames ? $"{Insert} ON CONFLICT (device, epoch, number) DO UPDATE SET given = given + 1" : Insert;
        foreach (var name in Names)
            take.Parameters.Add(new SqliteParameter { ParameterName = name });
    }

    /// <summary>Opens the table, or makes it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="hasNames">Whether a line that comes again is known by its name.</param>
    public static Table Open(string path, bool hasNames)
    {
        var file = new SqliteConnection($"Data Source={path};Pooling=False");
        file.Open();
        using var create = file.CreateCommand();
        // Processes are killed here, not the machine.
        create.CommandText = $"""
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = NORMAL;
            CREATE TABLE IF NOT EXISTS taken (
                place INTEGER PRIMARY KEY AUTOINCREMENT,
                device TEXT NOT NULL,
                epoch INTEGER NOT NULL,
                number INTEGER NOT NULL,
                text TEXT NOT NULL,
                given INTEGER NOT NULL DEFAULT 1
                {(hasNames ? ", UNIQUE (device, epoch, number)" : "")}
            );
            """;
        create.ExecuteNonQuery();
        return new(file, hasNames);
    }

    /// <summary>Puts a line in, in a transaction of the caller's.</summary>
    public static async Task InsertAsync(SqliteTransaction transaction, string device, LineId line, string text, CancellationToken cancellationToken)
    {
        await using var insert = new SqliteCommand(Insert, transaction.Connection, transaction);
        foreach (var (name, value) in Names.Zip<string, object>([device, (long)line.Epoch, (long)line.Number, text]))
            insert.Parameters.AddWithValue(name, value);
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Takes a line. One that it knows already, by its name, is counted.</summary>
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
