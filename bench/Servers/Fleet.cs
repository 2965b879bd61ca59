using System.Globalization;
using System.Net;
using System.Reactive.Linq;
using Examples.Cluster;
using Npgsql;
using Rx.IotLink;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.Server;
using Rx.IotLink.Transport;

namespace Bench.Servers;

/// <summary>Servers as processes, and what their database says.</summary>
internal sealed class Fleet(Postgres postgres) : IAsyncDisposable
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, 32).Select(n => (byte)n)];

    private readonly List<Worker> workers = [];

    public IReadOnlyList<Worker> Servers => workers;

    public List<IPEndPoint> Addresses { get; } = [];

    public async Task StartAsync(int servers)
    {
        for (var n = 0; n < servers; n++)
        {
            var address = new IPEndPoint(IPAddress.Loopback, Postgres.FreePort());
            var worker = new Worker([], postgres.ConnectionString, "server", $"s{n}", $"{address}");
            workers.Add(worker);
            Addresses.Add(address);
            await worker.StartAsync(CancellationToken.None);
        }
    }

    /// <summary>A server of the fleet, in a process of its own.</summary>
    public static async Task<int> ServeAsync(string node, IPEndPoint at)
    {
        await using var store = await PostgreSqlSessionStore.OpenAsync(new PostgreSqlSessionStoreOptions { ConnectionString = Worker.Database, Node = node, Inbox = true });
        // All devices come from one address here, which strangers may not: so they have a key.
        await using var server = await IotLinkServer.StartAsync(new IotLinkServerOptions
        {
            Bind = at.Address, Port = at.Port, SessionStore = store, DrainTimeout = TimeSpan.Zero, KeyOf = _ => Key,
            MaxOpenings = 20_000, MaxOpeningRatePerAddress = null,
        });
        await Worker.SayReadyAsync(CancellationToken.None);
        return 0;
    }

    /// <summary>A device of this process, for one of the servers or for what stands before them.</summary>
    public static IotLinkClient Connect(string id, int port, int outbox = 1_024) => IotLinkClient.Start(new IotLinkClientOptions
    {
        Host = "127.0.0.1", Port = port, Id = id, Key = Key, OutboxLines = outbox, DrainTimeout = TimeSpan.Zero,
        BackOff = new() { Initial = TimeSpan.FromMilliseconds(100), Cap = TimeSpan.FromSeconds(1) },
    });

    /// <summary>
    /// A device that connects to the servers in turns, without a balancer: this process has one socket for it.
    /// </summary>
    public IotLinkClient ConnectInTurns(string id, int first) => IotLinkClient.Start(new IotLinkClientOptions
    {
        Host = "127.0.0.1", Id = id, Key = Key, OutboxLines = 16, DrainTimeout = TimeSpan.Zero, Transport = new InTurns(Addresses, first),
        BackOff = new() { Initial = TimeSpan.FromMilliseconds(100), Cap = TimeSpan.FromSeconds(1) },
    });

    /// <summary>Asks the database.</summary>
    public async Task<long> AskAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(postgres.ConnectionString + ";Pooling=false;Timeout=120;Command Timeout=120");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return Convert.ToInt64(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var worker in workers)
            await worker.DisposeAsync();
    }

    /// <summary>Another server with each attempt.</summary>
    private sealed class InTurns(List<IPEndPoint> servers, int first) : ITransport
    {
        private int next = first;

        public IObservable<IConnection> Connect() => Observable.Defer(() =>
        {
            var server = servers[next++ % servers.Count];
            return new TcpTransport($"{server.Address}", server.Port).Connect();
        });
    }

    public static string Text(FormattableString text) => FormattableString.Invariant(text);
}
