using Microsoft.Reactive.Testing;
using Rx.IotLink.Server;
using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Simulation;

/// <summary>A client and a server, joined by a simulated path, on one virtual clock.</summary>
internal sealed class SimulatedLink : IDisposable
{
    public const string Id = "pump-1";

    private readonly SimulatedServer server;
    private readonly SimulatedDevice device;

    private SimulatedLink(TestScheduler scheduler, SimulatedNetwork network, SimulatedServer server, SimulatedDevice device) =>
        (Scheduler, Network, this.server, this.device) = (scheduler, network, server, device);

    public TestScheduler Scheduler { get; }

    public SimulatedNetwork Network { get; }

    public IotLinkServer Server => server.Process;

    public SimulatedPath Path => device.Path;

    public ILink Client => device.Link;

    /// <summary>The server's end; there once the client has connected.</summary>
    public ILink ServerEnd => server.Link(Id);

    public static SimulatedLink Start(
        int seed = 1,
        PathConditions? path = null,
        TestScheduler? scheduler = null,
        Func<IotLinkClientOptions, IotLinkClientOptions>? client = null,
        Func<IotLinkServerOptions, IotLinkServerOptions>? server = null)
    {
        scheduler ??= new TestScheduler();
        var network = SimulatedNetwork.On(scheduler, seed, path);
        var machine = network.AddServer(configure: o => (server ?? (s => s))(o with { Expected = [Id] }));
        return new SimulatedLink(scheduler, network, machine, network.AddDevice(Id, machine, client));
    }

    /// <summary>Another way to the server, for a client made by hand.</summary>
    public SimulatedPath AnotherPath(string id) => Network.AddPath(id, server);

    public void Run(TimeSpan time) => Network.RunFor(time);

    public void Dispose() => Network.Dispose();
}
