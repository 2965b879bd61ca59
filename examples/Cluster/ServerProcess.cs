using System.Net;
using System.Reactive.Linq;
using Rx.IotLink;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.Server;

namespace Examples.Cluster;

/// <summary>A server of the fleet. It has no code for lines: what devices send goes into the database.</summary>
internal static class ServerProcess
{
    public static async Task<int> RunAsync(string node, IPEndPoint at, CancellationToken cancellation)
    {
        await using var store = await PostgreSqlSessionStore.OpenAsync(
            new PostgreSqlSessionStoreOptions { ConnectionString = Worker.Database, Node = node, Inbox = true }, cancellation);
        await using var server = await IotLinkServer.StartAsync(
            new IotLinkServerOptions { Bind = at.Address, Port = at.Port, Timeout = Times.Timeout, SessionStore = store, DrainTimeout = TimeSpan.Zero }, cancellation);
        await Worker.SayReadyAsync(cancellation);
        return 0;
    }
}
