using Rx.IotLink;
using Throughput;
using Throughput.Links;

namespace Peers;

/// <summary>Links of this library, exactly once.</summary>
/// <param name="connections">How many.</param>
/// <param name="timeout">The silence after which an outage is declared. Null: the default, 2 s.</param>
/// <param name="apart">The server, if it is in another process.</param>
internal sealed class LinkWorkload(int connections, TimeSpan? timeout = null, ServerEnd? apart = null) : PeerWorkload(connections, window: 1)
{
    private readonly List<IDisposable> observing = [];
    private readonly List<IotLinkClient> clients = [];
    private LinkPairs? pairs;

    public override async Task OpenAsync()
    {
        if (apart is not null)
        {
            await OpenClientsAsync(apart.Port);
            return;
        }

        pairs = await LinkPairs.OpenAsync(Settings.Default, Connections, timeout);
        for (var i = 0; i < Connections; i++)
        {
            var connection = i;
            observing.Add((await pairs.ServerEndAsync(i)).Lines.Subscribe(line => Received(connection, line)));
        }
    }

    public override async ValueTask DisposeAsync()
    {
        observing.ForEach(o => o.Dispose());
        if (pairs is not null)
            await pairs.DisposeAsync();
        foreach (var client in clients)
            await client.DisposeAsync();
    }

    public override Task WriteAsync(int connection, string line) =>
        (pairs is null ? clients[connection] : pairs.Clients[connection]).WriteAsync(line);

    private async Task OpenClientsAsync(int port)
    {
        for (var i = 0; i < Connections; i++)
        {
            var options = new IotLinkClientOptions { Host = "127.0.0.1", Port = port, Id = LinkPairs.Id(i) };
            clients.Add(IotLinkClient.Start(timeout is { } silence ? options with { Timeout = silence } : options));
        }

        await Task.WhenAll(clients.Select(client => client.WaitUntilUpAsync()));
    }
}
