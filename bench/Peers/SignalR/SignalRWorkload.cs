using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Peers.SignalR;

/// <summary>A hub over WebSocket with stateful reconnect: the writer waits for the end of the hub's method.</summary>
internal sealed class SignalRWorkload(int connections, int window) : PeerWorkload(connections, window)
{
    /// <summary>
    /// With the default of 100,000 bytes a connection carries about 1,000 lines a second: the buffer is full, and the
    /// other end acknowledges what is in it once a second.
    /// </summary>
    private const int BufferBytes = 100_000_000;

    private readonly List<HubConnection> clients = [];
    private WebApplication? server;

    public override async Task OpenAsync()
    {
        var port = FreePort.Find();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        builder.Services.AddSignalR(hubs => hubs.StatefulReconnectBufferSize = BufferBytes);
        builder.Services.AddSingleton<Action<int, string>>(Received);
        server = builder.Build();
        server.MapHub<LineHub>("/lines", hub => hub.AllowStatefulReconnects = true);
        await server.StartAsync();
        for (var i = 0; i < Connections; i++)
        {
            var building = new HubConnectionBuilder().WithUrl($"http://127.0.0.1:{port}/lines").WithStatefulReconnect();
            building.Services.Configure<HubConnectionOptions>(o => o.StatefulReconnectBufferSize = BufferBytes);
            var client = building.Build();
            clients.Add(client);
            await client.StartAsync();
        }
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var client in clients)
            await client.DisposeAsync();
        if (server is not null)
            await server.DisposeAsync();
    }

    public override Task WriteAsync(int connection, string line) => clients[connection].InvokeAsync(nameof(LineHub.Line), connection, line);
}

/// <summary>The application at the server's end.</summary>
internal sealed class LineHub(Action<int, string> received) : Hub
{
    public void Line(int connection, string line) => received(connection, line);
}
