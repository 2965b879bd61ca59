using Rx.IotLink;
using Rx.IotLink.Sqlite;
using Rx.IotLink.Testing;

namespace Throughput.Kept;

/// <summary>
/// The store of the server and that of the clients, as if each were a process with a file of its own. They are new, and
/// their files go when they are disposed of.
/// </summary>
internal sealed class EndStores : IAsyncDisposable
{
    private readonly List<SqliteSessionStore> opened = [];
    private DirectoryInfo? folder;

    private EndStores()
    {
    }

    /// <summary>Null: the memory ends with the process.</summary>
    public ISessionStore? Server { get; private set; }

    /// <inheritdoc cref="Server"/>
    public ISessionStore? Clients { get; private set; }

    public static async Task<EndStores> OpenAsync(Memory memory, DirectoryInfo parent, Commits commits)
    {
        var stores = new EndStores();
        if (memory == Memory.None)
            return stores;
        try
        {
            stores.Server = new CountedStore(stores.Open(memory, parent, "server.db"), commits);
            stores.Clients = new CountedStore(stores.Open(memory, parent, "clients.db"), commits);
            return stores;
        }
        catch
        {
            await stores.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var store in opened)
            await store.DisposeAsync();
        folder?.Delete(recursive: true);
    }

    private ISessionStore Open(Memory memory, DirectoryInfo parent, string file)
    {
        if (memory == Memory.InMemory)
            return new MemorySessionStore();
        folder ??= parent.CreateSubdirectory($"iotlink-throughput-{Guid.NewGuid():n}");
        var store = SqliteSessionStore.Open(new SqliteSessionStoreOptions
        {
            Path = Path.Combine(folder.FullName, file),
            Durability = memory == Memory.SqliteFull ? SqliteDurability.Full : SqliteDurability.Normal,
        });
        opened.Add(store);
        return store;
    }
}
