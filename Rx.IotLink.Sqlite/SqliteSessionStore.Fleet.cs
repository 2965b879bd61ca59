using System.Reactive.Concurrency;
using Microsoft.Data.Sqlite;
using Rx.IotLink.Sqlite.Database;

namespace Rx.IotLink.Sqlite;

/// <summary>What the fleet needs of the store.</summary>
public sealed partial class SqliteSessionStore
{
    private readonly WriteTurns turns = new();

    /// <summary>Writes to the devices of this file, and takes their lines.</summary>
    public SqliteFleet Fleet { get; }

    bool IFleetStore.KeepsReceived => options.Inbox;

    /// <summary>Its options.</summary>
    internal SqliteSessionStoreOptions Options => options;

    /// <summary>Makes its exceptions.</summary>
    internal StoreFaults Faults => faults;

    /// <summary>Who may write the file next.</summary>
    internal WriteTurns Turns => turns;

    IDisposable IFleetStore.DeliverTo(IObservable<ILink> links, IScheduler scheduler) => Fleet.DeliverTo(links, scheduler);

    /// <summary>Whether a connection of the application is one to this file.</summary>
    internal bool IsFileOf(SqliteConnection connection) => string.Equals(System.IO.Path.GetFullPath(connection.DataSource), file.Path, StringComparison.Ordinal);

    /// <summary>Another connection, for transactions of the application.</summary>
    internal Connection OpenConnection()
    {
        if (!File.Exists(file.Path))
            throw faults.Moved();
        var connection = new Connection(file.Path, create: false, options.BusyTimeout);
        connection.Execute(options.Durability == SqliteDurability.Full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
        connection.Execute("PRAGMA foreign_keys = ON");
        return connection;
    }

    /// <summary>Writes for the fleet. It blocks, so it has a thread of its own.</summary>
    internal Task<T> WriteForFleetAsync<T>(Func<Writer, T> work) => Task.Run(() => Guard(faults, () => Write(work)));

    /// <summary>Reads for the fleet. It blocks, so it has a thread of its own.</summary>
    internal Task<T> ReadForFleetAsync<T>(Func<FleetReader, T> work) => Task.Run(() => Guard(faults, () => Read(reader => work(reader.Fleet))));
}
