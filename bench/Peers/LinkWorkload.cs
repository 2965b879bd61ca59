using Rx.IotLink;
using Throughput;
using Throughput.Links;

namespace Peers;

/// <summary>Links of this library, exactly once.</summary>
/// <param name="connections">How many.</param>
/// <param name="timeout">The silence after which an outage is declared. Null: the default, 2 s.</param>
internal sealed class LinkWorkload(int connections, TimeSpan? timeout = null) : PeerWorkload(connections, window: 1)
{
    private readonly List<IDisposable> observing = [];
    private LinkPairs? pairs;

    public override async Task OpenAsync()
    {
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
    }

    public override Task WriteAsync(int connection, string line) => pairs!.Clients[connection].WriteAsync(line);
}
