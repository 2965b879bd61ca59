using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Rx.IotLink;
using Rx.IotLink.Server;
using Throughput.Kept;

namespace Throughput.Links;

/// <summary>A server and its clients, with the options that everybody gets.</summary>
internal sealed class LinkPairs : IAsyncDisposable
{
    private readonly IotLinkServer server;
    private readonly EndStores stores;
    private readonly List<IotLinkClient> clients = [];

    private LinkPairs(IotLinkServer server, EndStores stores) => (this.server, this.stores) = (server, stores);

    public IReadOnlyList<ILink> Clients => clients;

    public static Task<LinkPairs> OpenAsync(Settings settings, int count, TimeSpan? timeout = null) =>
        OpenAsync(settings, count, Memory.None, new Commits(), tls: false, timeout);

    public static async Task<LinkPairs> OpenAsync(Settings settings, int count, Memory memory, Commits commits, bool tls, TimeSpan? timeout = null)
    {
        var silence = timeout ?? new IotLinkServerOptions().Timeout;
        var kept = await EndStores.OpenAsync(memory, settings.Folder, commits);
        var certificate = tls ? Certificates.Make() : null;
        var pairs = new LinkPairs(await IotLinkServer.StartAsync(new()
        {
            Bind = IPAddress.Loopback,
            Port = 0,
            // There may be more of them than a server takes of devices that it does not expect.
            Expected = [.. Enumerable.Range(0, count).Select(Id)],
            Tls = certificate is null ? null : new HttpsConnectionAdapterOptions { ServerCertificate = certificate },
            SessionStore = kept.Server,
            Timeout = silence,
        }), kept);
        for (var i = 0; i < count; i++)
        {
            pairs.clients.Add(IotLinkClient.Start(new()
            {
                Host = "127.0.0.1",
                Port = pairs.server.EndPoint.Port,
                Id = Id(i),
                Protocol = settings.Protocol,
                Tls = tls ? Certificates.Trusting() : null,
                SessionStore = kept.Clients,
                Timeout = silence,
            }));
        }

        await Task.WhenAll(pairs.clients.Select(client => client.WaitUntilUpAsync()));
        return pairs;
    }

    /// <summary>The server's end of a client's link.</summary>
    public Task<ILink> ServerEndAsync(int client) => server.WaitForAsync(Id(client));

    public async ValueTask DisposeAsync()
    {
        foreach (var client in clients)
            await client.DisposeAsync();
        await server.DisposeAsync();
        await stores.DisposeAsync();
    }

    /// <summary>The id of a client.</summary>
    public static string Id(int client) => client.ToString(CultureInfo.InvariantCulture);
}
