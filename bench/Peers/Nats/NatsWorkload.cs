using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;

namespace Peers.Nats;

/// <summary>
/// NATS JetStream. A line is acknowledged when the stream has it; whether an application has had it is another matter.
/// So its lines are counted by the stream.
/// </summary>
internal sealed class NatsWorkload(int connections, int window) : PeerWorkload(connections, window)
{
    private const string Stream = "LINES";

    private readonly NatsServer server = new();
    private readonly List<NatsConnection> clients = [];
    private readonly List<NatsJSContext> streams = [];
    private long writtenByAll;

    public override async Task OpenAsync()
    {
        await server.ReadyAsync();
        for (var i = 0; i < Connections; i++)
        {
            clients.Add(new(new NatsOpts { Url = $"nats://127.0.0.1:{server.Port}" }));
            await clients[i].ConnectAsync();
            streams.Add(new(clients[i]));
        }

        await streams[0].CreateStreamAsync(new StreamConfig(Stream, ["up.*"]));
    }

    public override async Task RunAsync()
    {
        await base.RunAsync();
        var kept = (await streams[0].GetStreamAsync(Stream)).Info.State.Messages;
        if (kept != writtenByAll)
            throw new InvalidDataException($"{writtenByAll} lines were written and {kept} are in the stream");
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var client in clients)
            await client.DisposeAsync();
        await server.DisposeAsync();
    }

    protected override void Check(int connection, long written) => Interlocked.Add(ref writtenByAll, written);

    public override async Task WriteAsync(int connection, string line) =>
        (await streams[connection].PublishAsync($"up.{connection}", line)).EnsureSuccess();
}
