using System.Reactive.Concurrency;
using Rx.IotLink.Testing.Simulation;

namespace Rx.IotLink.Testing;

/// <summary>A device: a machine with a real <see cref="IotLinkClient"/> on it, and its path to the server.</summary>
public sealed class SimulatedDevice : SimulatedMachine
{
    private readonly Func<IotLinkClientOptions, IotLinkClientOptions> configure;
    private readonly Action<ILink, IScheduler> app;
    private readonly MemorySessionStore flash;
    private SessionSnapshot? atStart;
    private IotLinkClient? client;

    internal SimulatedDevice(
        SimulatedNetwork network,
        SimulatedPath path,
        int driftPartsPerMillion,
        Func<IotLinkClientOptions, IotLinkClientOptions>? configure,
        Action<ILink, IScheduler>? app)
        : base(network, path.Name, driftPartsPerMillion)
    {
        Path = path;
        path.Device = this;
        flash = OwnDisk.AddStore();
        this.configure = configure ?? (static options => options);
        this.app = app ?? (static (_, _) => { });
    }

    /// <summary>Its path to the server.</summary>
    public SimulatedPath Path { get; }

    /// <summary>Its end of the link. A new one after each crash.</summary>
    public ILink Link => client ?? throw new InvalidOperationException($"The device {Name} was not started yet.");

    /// <summary>Its memory of the session, which can survive a crash (<see cref="MemoryAfterCrash"/>).</summary>
    public MemorySessionStore Flash => flash;

    internal override IEnumerable<SimulatedPath> Paths => [Path];

    /// <summary>A connection of this device was made.</summary>
    internal event Action<SimulatedConnection>? ConnectionMade;

    internal void Connected(SimulatedConnection connection) => ConnectionMade?.Invoke(connection);

    private protected override void StartProcess(int seed)
    {
        atStart = flash.SnapshotOf(Name);
        client = IotLinkClient.Start(configure(new IotLinkClientOptions { Host = "simulated", Id = Name, SessionStore = flash }) with
        {
            Id = Name,
            Transport = Path,
            Scheduler = Clock,
            Seed = seed,
        });
        app(client, Clock);
    }

    // Without a drain nothing in it waits for the clock.
    private protected override void StopProcess() => _ = client?.CloseAsync(new CancellationToken(canceled: true));

    private protected override void CutOff(bool powerLost) => Path.ClientCrashed(powerLost);

    private protected override void PowerIsBack() => Path.ClientIsBack();

    private protected override void Remember(MemoryAfterCrash memory)
    {
        if (memory != MemoryAfterCrash.Kept)
            flash.Restore(Name, memory == MemoryAfterCrash.RolledBack ? atStart : null);
    }
}
