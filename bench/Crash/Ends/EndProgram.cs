using System.Net;
using Rx.IotLink;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.Server;
using Rx.IotLink.Sqlite;

namespace Crash.Ends;

/// <summary>
/// One end as a process: links from a store, a table that takes what arrives, and lines that are written all the time.
/// It lives until it is killed or its standard input ends.
/// </summary>
/// <param name="folder">Where its files are.</param>
/// <param name="how">How it takes what arrives.</param>
/// <param name="drains">Whether it writes nothing new, and says when all that it has written is accepted.</param>
internal sealed class EndProgram(string folder, HowTaken how, bool drains)
{
    /// <summary>What is said when the links are open.</summary>
    public const string Opened = "open";

    /// <summary>What is said when all is accepted.</summary>
    public const string Drained = "drained";

    private static readonly TimeSpan Timeout = TimeSpan.FromMilliseconds(500);

    /// <summary>The files of one end.</summary>
    public static string FolderOf(string folder, string end) => Path.Combine(folder, end);

    /// <summary>Its store.</summary>
    public static string StoreOf(string folder) => Path.Combine(folder, "store.db");

    /// <summary>Its notes of what it has written to one device, or the device to the server.</summary>
    public static string NotesOf(string folder, string id) => Path.Combine(folder, "sent-" + id);

    /// <summary>The server's end of all links.</summary>
    /// <param name="port">Where it listens.</param>
    /// <param name="postgres">The database and schema of its store; null: it has a file.</param>
    /// <param name="ids">The devices.</param>
    public async Task RunServerAsync(int port, (string ConnectionString, string Schema)? postgres, IReadOnlyList<string> ids)
    {
        await using var opened = await OpenStoreAsync(postgres);
        var store = (ISessionStore)opened;
        using var taking = Taking.Open(how, folder);
        await using var server = await IotLinkServer.StartAsync(new IotLinkServerOptions
        {
            Port = port,
            Bind = IPAddress.Loopback,
            Expected = ids,
            Timeout = Timeout,
            DrainTimeout = TimeSpan.Zero,
            SessionStore = store,
        });
        using var processing = taking.Of(server, store);
        using var over = new CancellationTokenSource();
        var lives = ids.Select(async id => await LiveAsync(await server.OpenAsync(id, over.Token), over.Token)).ToArray();
        await EndAsync(lives, over);
    }

    /// <summary>A device's end of one link.</summary>
    public async Task RunDeviceAsync(int port, string id)
    {
        await using var store = SqliteSessionStore.Open(StoreOf(folder));
        using var taking = Taking.Open(how, folder);
        await using var link = await IotLinkClient.OpenAsync(new IotLinkClientOptions
        {
            Host = "127.0.0.1",
            Port = port,
            Id = id,
            Timeout = Timeout,
            DrainTimeout = TimeSpan.Zero,
            BackOff = new BackOff { Initial = TimeSpan.FromMilliseconds(20), Cap = TimeSpan.FromMilliseconds(200) },
            SessionStore = store,
        });
        using var processing = taking.Of(link);
        using var over = new CancellationTokenSource();
        await EndAsync([LiveAsync(link, over.Token)], over);
    }

    private async Task<IAsyncDisposable> OpenStoreAsync((string ConnectionString, string Schema)? postgres) => postgres is var (database, schema)
        ? await PostgreSqlSessionStore.OpenAsync(new PostgreSqlSessionStoreOptions { ConnectionString = database, Schema = schema })
        : SqliteSessionStore.Open(new SqliteSessionStoreOptions { Path = StoreOf(folder), Inbox = how == HowTaken.Fleet });

    private async Task LiveAsync(ILink link, CancellationToken over)
    {
        using var sent = Sent.Open(NotesOf(folder, link.Id));
        if (!drains)
        {
            await sent.WriteAsync(link, over);
            return;
        }

        await link.DrainAsync(over);
        await Console.Out.WriteLineAsync(Drained);
        await new TaskCompletionSource().Task.WaitAsync(over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static async Task EndAsync(Task[] lives, CancellationTokenSource over)
    {
        await Console.Out.WriteLineAsync(Opened);
        // Not ReadToEndAsync: the console's reader blocks whoever calls it.
        var parent = Task.Run(Console.In.ReadToEnd, CancellationToken.None);
        // A life that fails must be heard of; one that ends by itself does not.
        if (await Task.WhenAny([parent, .. lives]) is var first && first != parent)
            await first;
        await over.CancelAsync();
        await Task.WhenAll(lives).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
