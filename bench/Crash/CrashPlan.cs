using System.Globalization;
using Crash.Ends;

namespace Crash;

/// <summary>What is killed, how often, and where it all is.</summary>
internal sealed record CrashPlan
{
    /// <summary>How often the server is killed, and how often the devices are, all together.</summary>
    public required int Kills { get; init; }

    /// <summary>Ends the killing after so long, however many kills there were.</summary>
    public TimeSpan Length { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How many devices each server has.</summary>
    public required int Devices { get; init; }

    /// <summary>How both ends take what arrives.</summary>
    public HowTaken Taken { get; init; }

    /// <summary>How to reach the PostgreSQL of the server's store; null: it has a SQLite file.</summary>
    public string? Postgres { get; init; }

    /// <summary>The schema of the server's store there.</summary>
    public string Schema { get; init; } = "iotlink";

    /// <summary>Which moments and which faults.</summary>
    public required int Seed { get; init; }

    /// <summary>The folder of all files: each end's store, table and notes.</summary>
    public required string Folder { get; init; }

    /// <summary>
    /// The longest life of a process after it has opened its links. On a busy machine it is three times as long as the
    /// last one took to begin, or server and device would hardly meet.
    /// </summary>
    public TimeSpan LongestLife { get; init; } = TimeSpan.FromMilliseconds(800);

    /// <summary>How long a process may take to open its links, and all lines to arrive in the end.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>
    /// So many servers with devices of their own, side by side. All together are killed as often as this plan says.
    /// </summary>
    public IReadOnlyList<CrashPlan> Split(int servers) => [.. Enumerable.Range(0, servers).Select(n => this with
    {
        Kills = (Kills + servers - 1) / servers,
        Seed = Seed + (1_000 * n),
        Schema = string.Create(CultureInfo.InvariantCulture, $"{Schema}_{n + 1}"),
        Folder = Path.Combine(Folder, string.Create(CultureInfo.InvariantCulture, $"{n + 1}")),
    })];

    /// <summary>The names of the devices.</summary>
    public IReadOnlyList<string> Ids => [.. Enumerable.Range(1, Devices).Select(n => string.Create(CultureInfo.InvariantCulture, $"pump-{n}"))];
}

/// <summary>Where the server keeps its memory.</summary>
internal enum ServerStore
{
    /// <summary>In a SQLite file of its own.</summary>
    Sqlite,

    /// <summary>In a PostgreSQL that all servers of the run share.</summary>
    Postgres,
}
