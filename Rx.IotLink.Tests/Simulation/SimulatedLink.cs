using System.Reactive.Concurrency;
using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using Rx.IotLink.Server;

namespace Rx.IotLink.Tests.Simulation;

/// <summary>A client and a server, joined by a simulated path, on one virtual clock.</summary>
internal sealed class SimulatedLink : IDisposable
{
    public const string Id = "pump-1";

    private SimulatedLink(TestScheduler scheduler, IotLinkServer server, SimulatedPath path, IotLinkClient client) =>
        (Scheduler, Server, Path, Client) = (scheduler, server, path, client);

    public TestScheduler Scheduler { get; }

    public IotLinkServer Server { get; }

    public SimulatedPath Path { get; }

    public IotLinkClient Client { get; }

    public static SimulatedLink Start(
        int seed = 1,
        PathOptions? path = null,
        TestScheduler? scheduler = null,
        Func<IotLinkClientOptions, IotLinkClientOptions>? client = null,
        Func<IotLinkServerOptions, IotLinkServerOptions>? server = null)
    {
        scheduler ??= new TestScheduler();
        var serverOptions = new IotLinkServerOptions { Listen = false, Expected = [Id], Scheduler = scheduler, Seed = ~seed };
        var listening = new IotLinkServer(server?.Invoke(serverOptions) ?? serverOptions);
        var way = new SimulatedPath(scheduler, listening.ServeAsync, path ?? new(), seed);
        var clientOptions = new IotLinkClientOptions { Host = "simulated", Id = Id, Transport = way, Scheduler = scheduler, Seed = seed };
        return new SimulatedLink(scheduler, listening, way, IotLinkClient.Start(client?.Invoke(clientOptions) ?? clientOptions));
    }

    /// <summary>The server's end; there once the client has connected.</summary>
    public ILink ServerEnd => Server.Find(Id) ?? throw new InvalidOperationException("The client has not connected yet.");

    public void Run(TimeSpan time) => Scheduler.AdvanceBy(time.Ticks);

    public void At(TimeSpan time, Action action) => Scheduler.Schedule(new DateTimeOffset(time.Ticks, TimeSpan.Zero), action);

    public void Dispose()
    {
        // Without a drain nothing in these waits for the clock.
        using var now = new CancellationTokenSource();
        now.Cancel();
        _ = Client.CloseAsync(now.Token);
        _ = Server.StopAsync(now.Token);
    }
}
