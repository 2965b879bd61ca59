using System.Reactive.Concurrency;
using Rx.IotLink.Server;
using Rx.IotLink.Testing.Simulation;

namespace Rx.IotLink.Testing;

/// <summary>
/// A server: a machine with a real <see cref="IotLinkServer"/> on it, which listens to the simulated network alone.
/// </summary>
public sealed class SimulatedServer : SimulatedMachine
{
    private readonly Func<IotLinkServerOptions, IotLinkServerOptions> configure;
    private readonly Action<IotLinkServer, IScheduler> app;
    private readonly List<SimulatedPath> paths = [];
    private readonly SimulatedLog log = new();
    private Dictionary<string, SessionSnapshot?> atStart = new(StringComparer.Ordinal);
    private IotLinkServer? server;

    internal SimulatedServer(
        SimulatedNetwork network,
        string name,
        int driftPartsPerMillion,
        Func<IotLinkServerOptions, IotLinkServerOptions>? configure,
        Action<IotLinkServer, IScheduler>? app)
        : base(network, name, driftPartsPerMillion)
    {
        this.configure = configure ?? (static options => options);
        this.app = app ?? (static (_, _) => { });
        Disk = OwnDisk.AddStore();
    }

    /// <summary>The current server, or the last one. There is a new one after each crash.</summary>
    public IotLinkServer Process => server ?? throw new InvalidOperationException($"The server {Name} was not started yet.");

    /// <summary>Its end of a device's link.</summary>
    /// <exception cref="InvalidOperationException">
    /// The device has not connected to the server's process yet.
    /// </exception>
    public ILink Link(string id) => Process.Find(id) ?? throw new InvalidOperationException($"The device {id} has not connected to {Name} yet.");

    /// <summary>
    /// Its memory of the devices' sessions, which can survive a crash (<see cref="MemoryAfterCrash"/>).
    /// </summary>
    public MemorySessionStore Disk { get; }

    /// <summary>The log entries at which its log threw (<see cref="Fault.Log"/>), of all its processes.</summary>
    public int LogEntriesLost => log.Thrown;

    /// <inheritdoc cref="Fault.Log"/>
    public Fault LogBreaks(TimeSpan at, TimeSpan lasting) => Plan(Fault.Log(Name, at, lasting));

    /// <summary>The server that accepts connections now, or null.</summary>
    internal IotLinkServer? Current => IsRunning ? server : null;

    internal override IEnumerable<SimulatedPath> Paths => paths;

    /// <summary>A connection to it was made, by a device.</summary>
    internal event Action<SimulatedConnection, string>? ConnectionMade;

    internal void Add(SimulatedPath path) => paths.Add(path);

    internal void Connected(SimulatedConnection connection, string id) => ConnectionMade?.Invoke(connection, id);

    internal override IDisposable Begin(Fault fault) => fault.Kind == FaultKind.Log ? log.Begin() : base.Begin(fault);

    private protected override void StartProcess(int seed)
    {
        atStart = SimulatedDisk.All(Disk);
        var options = configure(new IotLinkServerOptions { SessionStore = Disk });
        options = options with { Listen = false, Scheduler = Clock, Seed = seed, LoggerFactory = log.Of(options.LoggerFactory) };
#pragma warning disable VSTHRD002 // Completes at once: nothing is listened on.
        server = IotLinkServer.StartAsync(options).GetAwaiter().GetResult();
#pragma warning restore VSTHRD002
        app(server, Clock);
    }

    // Without a drain nothing in it waits for the clock.
    private protected override void StopProcess() => _ = server?.StopAsync(new CancellationToken(canceled: true));

    private protected override void CutOff(bool powerLost) => paths.ForEach(path => path.ServerCrashed(powerLost));

    private protected override void PowerIsBack() => paths.ForEach(path => path.ServerIsBack());

    private protected override void Remember(MemoryAfterCrash memory)
    {
        if (memory == MemoryAfterCrash.Kept)
            return;
        foreach (var id in Disk.Ids)
            Disk.Restore(id, memory == MemoryAfterCrash.RolledBack ? atStart.GetValueOrDefault(id) : null);
    }
}
