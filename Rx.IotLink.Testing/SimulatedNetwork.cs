using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using Rx.IotLink.Server;

namespace Rx.IotLink.Testing;

/// <summary>
/// A network in virtual time for the real client, server, protocol and time code: only the transport of bytes and the
/// power of machines are simulated. One seed gives one history, to the tick, on every machine.
/// </summary>
/// <example>
/// <code>
/// var scheduler = new TestScheduler();
/// using var network = SimulatedNetwork.On(scheduler);
/// var server = network.AddServer();
/// var pump = network.AddDevice("pump-1", server);
/// network.Between("pump-1", server).Stalls(at: 10.s(), lasting: 25.s());
/// network.RunFor(1.min());
/// </code>
/// </example>
/// <remarks>Everything happens on the thread that runs the clock: do not use a network from another thread.</remarks>
public sealed class SimulatedNetwork : IDisposable
{
    private readonly Action<TimeSpan> run;
    private readonly DateTimeOffset origin;
    private readonly PathConditions conditions;
    private readonly Dictionary<string, FaultTarget> targets = new(StringComparer.Ordinal);
    private readonly List<Fault> faults = [];
    private readonly CompositeDisposable plays = [];

    private SimulatedNetwork(IScheduler clock, Action<TimeSpan> run, int seed, PathConditions conditions)
    {
        conditions.Validate();
        (Clock, this.run, Seed, this.conditions) = (clock, time => WithoutContext(() => run(time)), seed, conditions);
        origin = clock.Now;
    }

    /// <summary>The seed of all random values.</summary>
    public int Seed { get; }

    /// <summary>The time since the start of the network.</summary>
    public TimeSpan Now => Clock.Now - origin;

    /// <summary>The faults that have begun, in their order.</summary>
    public IReadOnlyList<Fault> Faults => faults;

    /// <summary>All devices.</summary>
    public IEnumerable<SimulatedDevice> Devices => targets.Values.OfType<SimulatedDevice>();

    /// <summary>All servers.</summary>
    public IEnumerable<SimulatedServer> Servers => targets.Values.OfType<SimulatedServer>();

    /// <summary>Whether everything on it was closed.</summary>
    public bool IsClosed { get; private set; }

    internal IScheduler Clock { get; }

    /// <summary>A process has ended. Raised before anything else happens because of it.</summary>
    internal event Action<SimulatedMachine, Fault>? MachineCrashed;

    /// <summary>
    /// A network on a virtual clock: a <c>TestScheduler</c>, a <see cref="HistoricalScheduler"/>, or one of your own.
    /// </summary>
    /// <param name="clock">The clock; the network starts at its current time.</param>
    /// <param name="seed">The seed of all random values. Default 1.</param>
    /// <param name="conditions">
    /// How paths behave without faults. Default: 5 ms latency each way, nothing else.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A condition is out of its range.</exception>
    public static SimulatedNetwork On<TAbsolute, TRelative>(VirtualTimeSchedulerBase<TAbsolute, TRelative> clock, int seed = 1, PathConditions? conditions = null)
        where TAbsolute : IComparable<TAbsolute>
    {
        ArgumentNullException.ThrowIfNull(clock);
        return new SimulatedNetwork(clock, RunnerOf(clock), seed, conditions ?? new PathConditions());
    }

    /// <summary>A server, which starts at once.</summary>
    /// <param name="name">Its name, unique in the network.</param>
    /// <param name="configure">
    /// Its options. The network sets those of the simulation (<c>Listen</c>, <c>Scheduler</c>, <c>Seed</c>).
    /// </param>
    /// <param name="app">
    /// Your application, called for each new process. Put its timers on the scheduler that it gets: they
    /// end with the process.
    /// </param>
    /// <param name="driftPartsPerMillion">
    /// How much too fast (or, negative, slow) its clock is. Default 0; up to 100,000 either way.
    /// </param>
    /// <exception cref="ArgumentException">The name is taken, or an option is out of its range.</exception>
    public SimulatedServer AddServer(
        string name = "server",
        Func<IotLinkServerOptions, IotLinkServerOptions>? configure = null,
        Action<IotLinkServer, IScheduler>? app = null,
        int driftPartsPerMillion = 0)
    {
        var server = Add(name, new SimulatedServer(this, name, driftPartsPerMillion, configure, app));
        server.Start();
        return server;
    }

    /// <summary>A device, which starts at once.</summary>
    /// <param name="id">Its id, unique in the network.</param>
    /// <param name="server">The server it connects to.</param>
    /// <param name="configure">
    /// The options of its client. The network sets those of the simulation (<c>Id</c>, <c>Transport</c>,
    /// <c>Scheduler</c>, <c>Seed</c>).
    /// </param>
    /// <param name="app">
    /// Your application, called for each new process. Put its timers on the scheduler that it gets: they
    /// end with the process.
    /// </param>
    /// <param name="path">
    /// How its path behaves without faults. Default: like the network's paths.
    /// </param>
    /// <param name="driftPartsPerMillion">
    /// How much too fast (or, negative, slow) its clock is. Default 0; up to 100,000 either way.
    /// </param>
    /// <exception cref="ArgumentException">The id is taken, or an option is out of its range.</exception>
    public SimulatedDevice AddDevice(
        string id,
        SimulatedServer server,
        Func<IotLinkClientOptions, IotLinkClientOptions>? configure = null,
        Action<ILink, IScheduler>? app = null,
        PathConditions? path = null,
        int driftPartsPerMillion = 0)
    {
        ArgumentNullException.ThrowIfNull(server);
        var way = new SimulatedPath(this, id, server, path ?? conditions);
        var device = Add(id, new SimulatedDevice(this, way, driftPartsPerMillion, configure, app));
        server.Add(way);
        device.Start();
        return device;
    }

    /// <summary>An access point that several devices share.</summary>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    public AccessPoint AddAccessPoint(string name, params SimulatedDevice[] devices) => Add(name, new AccessPoint(this, name, [.. devices]));

    /// <summary>A path for a client that the test creates itself, with the path as its transport.</summary>
    /// <exception cref="ArgumentException">The id is taken.</exception>
    public SimulatedPath AddPath(string id, SimulatedServer server, PathConditions? path = null)
    {
        ArgumentNullException.ThrowIfNull(server);
        var way = Add(id, new SimulatedPath(this, id, server, path ?? conditions));
        server.Add(way);
        return way;
    }

    /// <summary>The path between a device and a server.</summary>
    /// <exception cref="ArgumentException">There is no such path.</exception>
    public SimulatedPath Between(string id, SimulatedServer server)
    {
        ArgumentNullException.ThrowIfNull(server);
        return server.Paths.FirstOrDefault(path => path.Name == id && path.Network == this) ?? throw new ArgumentException($"There is no path between {id} and {server.Name}.", nameof(id));
    }

    /// <summary>Plays faults, each at its time.</summary>
    /// <exception cref="ArgumentException">
    /// A fault is in the past, or its target does not exist or cannot have it. Then none of them is planned.
    /// </exception>
    public void Play(IEnumerable<Fault> faults)
    {
        ArgumentNullException.ThrowIfNull(faults);
        var plan = faults.Select(fault => (Fault: fault, Target: TargetOf(fault))).ToList();
        if (plan.Find(p => p.Fault.At < Now).Fault is { } late)
            throw new ArgumentException($"{late} is in the past: it is {Now} already.", nameof(faults));
        foreach (var (fault, target) in plan)
            Clock.Schedule(fault.At - Now, () => Begin(fault, target));
    }

    /// <summary>
    /// Plays each fault of a stream when it comes, and ignores its time. Disposing the result ends the subscription,
    /// not the faults.
    /// </summary>
    public IDisposable Play(IObservable<Fault> faults)
    {
        ArgumentNullException.ThrowIfNull(faults);
        var play = faults.Subscribe(fault => Begin(fault with { At = Now }, TargetOf(fault)));
        plays.Add(play);
        return play;
    }

    /// <summary>Records a stream: each value with its time since the start of the network.</summary>
    public Recording<T> Record<T>(IObservable<T> source)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new Recording<T>(source, () => Now);
    }

    /// <summary>Lets time pass.</summary>
    /// <exception cref="InvalidOperationException">Called by code that runs on the clock.</exception>
    public void RunFor(TimeSpan time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero);
        run(time);
    }

    /// <summary>Lets time pass until the network is this old.</summary>
    public void RunTo(TimeSpan time) => RunFor(time - Now);

    /// <summary>
    /// Closes every device and server in order, lets a little time pass, and lists what should not be left: connections
    /// that one end still has, timers that were not cancelled. An empty list is good.
    /// </summary>
    public IReadOnlyList<string> CloseAndFindLeaks()
    {
        Dispose();
        // Time for farewells, ends of connections, and timeouts of peers that do not answer: at most one hour.
        run(TimeSpan.FromHours(1));
        return
        [
            .. targets.Values.OfType<SimulatedMachine>().Where(m => m.PendingTimers > 0).Select(m => $"{m.Name}: {m.PendingTimers} timers"),
            .. targets.Values.SelectMany(t => t is SimulatedServer server ? server.Paths : []).Where(p => p.Connections > 0).Select(p => $"{p.Name}: {p.Connections} connections"),
        ];
    }

    /// <summary>Closes every device and server, without a wait for lines that are not accepted yet.</summary>
    public void Dispose()
    {
        if (IsClosed)
            return;
        IsClosed = true;
        plays.Dispose();
        foreach (var device in Devices)
            device.Stop();
        foreach (var server in Servers)
            server.Stop();
    }

    internal void Crashed(SimulatedMachine machine, Fault fault) => MachineCrashed?.Invoke(machine, fault);

    /// <summary>
    /// Runs code of processes without the synchronization context of the test framework, if there is one: otherwise
    /// code after an await would continue there, and not on the clock.
    /// </summary>
    internal static void WithoutContext(Action code)
    {
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            code();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    /// <summary>A seed for one part of the simulation, so that parts do not share random values.</summary>
    internal int SeedOf(string name, int part)
    {
        // FNV-1a: string.GetHashCode differs from run to run.
        var hash = unchecked((uint)Seed * 2_654_435_761u) ^ 2_166_136_261u;
        foreach (var character in $"{name}/{part}")
            hash = unchecked((hash ^ character) * 16_777_619u);
        return (int)(hash & 0x7FFF_FFFF);
    }

    private void Begin(Fault fault, FaultTarget target)
    {
        if (IsClosed)
            return;
        faults.Add(fault);
        var begun = target.Begin(fault);
        if (fault.Kind != FaultKind.Kill)
            Clock.Schedule(fault.Lasting, begun.Dispose);
    }

    private FaultTarget TargetOf(Fault fault)
    {
        if (!targets.TryGetValue(fault.Target, out var target))
            throw new ArgumentException($"{fault}: there is no {fault.Target} in this network.", nameof(fault));
        if (fault.Kind is FaultKind.Crash or FaultKind.Disk or FaultKind.Handler && target is not SimulatedMachine)
            throw new ArgumentException($"{fault}: only a device or a server can crash, or has a disk or an application.", nameof(fault));
        if (fault.Kind == FaultKind.Log && target is not SimulatedServer)
            throw new ArgumentException($"{fault}: only a server has a log.", nameof(fault));
        return target;
    }

    /// <summary>Runs a clock for a time, with all actions that are due at its end.</summary>
    private static Action<TimeSpan> RunnerOf<TAbsolute, TRelative>(VirtualTimeSchedulerBase<TAbsolute, TRelative> clock)
        where TAbsolute : IComparable<TAbsolute> => clock switch
        {
            VirtualTimeSchedulerBase<DateTimeOffset, TimeSpan> historical => historical.AdvanceBy,
            // A TestScheduler, or another clock that counts ticks.
            VirtualTimeSchedulerBase<long, long> ticks when ticks.Now.Ticks == ticks.Clock => time => ticks.AdvanceBy(time.Ticks),
            _ => time =>
            {
                if (clock.IsEnabled)
                    throw new InvalidOperationException("The clock is running already: what runs on it cannot run it.");
                // Its units do not matter; it must only be possible to stop it.
                using var end = clock.Schedule(time, clock.Stop);
                clock.Start();
            },
        };

    private T Add<T>(string name, T target)
        where T : FaultTarget
    {
        if (!targets.TryAdd(name, target))
            throw new ArgumentException($"There is a {name} in this network already.", nameof(name));
        return target;
    }
}
