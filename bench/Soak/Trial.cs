using System.Reactive.Concurrency;
using System.Reactive.Linq;
using Rx.IotLink;
using Rx.IotLink.Testing;

namespace Soak;

/// <summary>The life of a small fleet in virtual time: traffic both ways, faults, and what came of it.</summary>
public sealed class Trial
{
    private readonly Setting setting;
    private readonly SimulatedNetwork network;
    private readonly List<string> violations = [];
    private readonly Fingerprint fingerprint = new();
    private readonly Dictionary<string, Traffic> up;
    private readonly Dictionary<string, Traffic> down;
    private readonly Dictionary<(string End, string Id), LinkState> states = [];
    private readonly Dictionary<string, SimulatedMachine> machines = new(StringComparer.Ordinal);
    private readonly Random epochs;
    private readonly BoundsWatch bounds;
    private readonly RecoveryWatch recovery;
    private readonly NoticeWatch notices;
    private readonly ReleaseWatch releases;
    private readonly Dictionary<(string End, string Id), LivenessWatch> watches = [];
    private readonly HashSet<string> met = new(StringComparer.Ordinal);
    private long outages;
    private long crashes;

    private Trial(Setting setting)
    {
        this.setting = setting;
        network = SimulatedNetwork.On(new BoundedClock(), setting.Seed, setting.Path);
        epochs = new(setting.Seed);
        releases = new(setting.Seed, Violated);
        up = setting.Devices.ToDictionary(id => id, id => new Traffic(setting, id, fingerprint, releases, Violated), StringComparer.Ordinal);
        down = setting.Devices.ToDictionary(id => id, id => new Traffic(setting, id, fingerprint, releases, Violated), StringComparer.Ordinal);
        bounds = new(setting, Violated);
        recovery = new(setting, network, Violated);
        notices = new(setting, Violated);
    }

    /// <summary>Lives one life.</summary>
    public static TrialResult Run(Setting setting, IReadOnlyList<Fault> faults)
    {
        var trial = new Trial(setting);
        try
        {
            using (trial.network)
                trial.Live(faults);
        }
        catch (Exception exception)
        {
            // Anything that ends a life early is a fault of that life: the campaign continues, and reports the seed.
            trial.violations.Insert(0, $"the life ended after {trial.network.Now} with {exception.GetType().Name}: {exception.Message}");
        }

        return trial.Result;
    }

    private TrialResult Result => new()
    {
        Trials = 1,
        LinkTime = setting.Devices.Count * (setting.Life + setting.HealingTime + setting.RestingTime),
        Up = up.Values.Aggregate(new DeliveryVerdict(), (sum, t) => sum + t.Verdict),
        Down = down.Values.Aggregate(new DeliveryVerdict(), (sum, t) => sum + t.Verdict),
        BestEffortWritten = up.Values.Concat(down.Values).Sum(t => t.BestEffortWritten),
        BestEffortReceived = up.Values.Concat(down.Values).Sum(t => t.BestEffortReceived),
        BestEffortRepeated = up.Values.Concat(down.Values).Sum(t => t.BestEffortRepeated),
        Outages = outages,
        Crashes = crashes,
        Faults = network.Faults.Count,
        Violations = violations,
        Fingerprint = fingerprint.Value,
    };

    private void Live(IReadOnlyList<Fault> faults)
    {
        network.MachineCrashed += Crashed;
        var server = network.AddServer(Setting.Server, Configure, (process, clock) => process.Links.Subscribe(releases.Observer<ILink>(
            "links", link => Follow(link, Setting.Server, down[link.Id], up[link.Id], clock))));
        machines.Add(Setting.Server, server);
        foreach (var id in setting.Devices)
        {
            var (atDevice, atServer) = (new LivenessWatch(id, setting.Timeout, Violated), new LivenessWatch(id, setting.Timeout, Violated));
            watches.Add((id, id), atDevice);
            watches.Add((Setting.Server, id), atServer);
            var device = network.AddDevice(id, server, Configure, (link, clock) => Follow(link, id, up[id], down[id], clock), driftPartsPerMillion: setting.DriftPartsPerMillion);
            machines.Add(id, device);
            atDevice.Over(device);
            atServer.Over(server);
        }

        if (setting.AccessPoint is { } name)
            network.AddAccessPoint(name, [.. network.Devices]);
        network.Play(faults);
        network.RunFor(setting.Life);
        foreach (var traffic in up.Values.Concat(down.Values))
            traffic.End();
        network.RunFor(setting.HealingTime);
        var open = up.Values.Concat(down.Values).Sum(t => t.Open);
        if (open > 0)
            Violated($"{open} lines are not settled {setting.HealingTime.TotalSeconds:0} s after the last fault");
        StreamQuietly(server);
        Rest();
        foreach (var traffic in up.Values.Concat(down.Values))
            traffic.Dispose();
        violations.AddRange(network.CloseAndFindLeaks().Select(leak => $"left over at the end: {leak}"));
        releases.Check([.. network.Devices.Select(device => device.Link), .. setting.Devices.Select(server.Process.Find).OfType<ILink>()]);
    }

    /// <summary>
    /// On a network that loses nothing, nothing is sent twice, however slow it is; but in protocol 1 what found no room
    /// is.
    /// </summary>
    private void StreamQuietly(SimulatedServer server)
    {
        var ends = network.Devices.SelectMany(device => new[]
        {
            (device.Name, From: device.Link, To: server.Process.Find(device.Name)!, Lines: up[device.Name]),
            (Setting.Server, From: server.Process.Find(device.Name)!, To: device.Link, Lines: down[device.Name]),
        }).ToList();
        var before = ends.Select(end => end.From.Counters.LinesRepeated - end.To.Counters.LinesWithheld).ToList();
        foreach (var end in ends)
            end.Lines.WriteAll(end.From, network, setting.QuietLines(up: end.Lines == up[end.From.Id]));
        for (var until = network.Now + setting.QuietTime; network.Now < until && ends.Exists(end => end.Lines.Open > 0);)
            network.RunFor(TimeSpan.FromSeconds(1));
        foreach (var ((name, from, to, lines), repeated) in ends.Zip(before))
        {
            if (lines.Open > 0)
                Violated($"{name}: {lines.Open} lines of {from.Id} are not settled after {setting.QuietTime.TotalSeconds:0} s, while nothing was wrong");
            if (from.Counters.LinesRepeated - to.Counters.LinesWithheld - repeated is > 0 and var again)
                Violated($"{name}: {again} lines of {from.Id} were sent again, while nothing was lost");
        }
    }

    /// <summary>What has healed is up, and stays so: an outage while nothing is wrong is the link's own.</summary>
    private void Rest()
    {
        foreach (var link in setting.Devices.SelectMany(id => new[] { (End: id, Id: id), (End: Setting.Server, Id: id) }))
        {
            var state = states.GetValueOrDefault(link);
            if (state is not { IsUp: true })
                Violated($"{link.End}: the link of {link.Id} is not up {setting.HealingTime.TotalSeconds:0} s after the last fault: {state?.ToString() ?? "it never was"}");
        }

        notices.Settle();
        var before = outages;
        network.RunFor(setting.RestingTime);
        if (outages > before)
            Violated($"{outages - before} outages while nothing was wrong");
    }

    private IotLinkClientOptions Configure(IotLinkClientOptions options) => options with
    {
        Protocol = setting.Protocol,
        Timeout = setting.Timeout,
        InboxLines = setting.InboxLines,
        SessionStore = options.SessionStore is MemorySessionStore flash ? Aged(flash, options.Id) : null,
        BackOff = options.BackOff with { Cap = setting.BackOffCap },
        Key = setting.Key is { } key ? key : (ReadOnlyMemory<byte>?)null,
    };

    private Rx.IotLink.Server.IotLinkServerOptions Configure(Rx.IotLink.Server.IotLinkServerOptions options) => options with
    {
        Timeout = setting.Timeout,
        InboxLines = setting.InboxLines,
        KeyOf = setting.Key is { } key ? _ => key : null,
        SessionStore = setting.Devices.Aggregate((MemorySessionStore)options.SessionStore!, Aged),
    };

    /// <summary>
    /// A memory that begins does so where the setting says, as if the lines before had long been accepted.
    /// </summary>
    private MemorySessionStore Aged(MemorySessionStore store, string id)
    {
        if (setting.FirstNumber > 1 && store.MemoryOf(id) is null)
            store.Restore(id, new(SessionMemory.Empty with { Epoch = (ulong)epochs.NextInt64(), First = setting.FirstNumber }, Lines: []));
        return store;
    }

    /// <summary>A broken promise is often broken many times: the first few complaints are enough.</summary>
    private void Violated(string what)
    {
        if (violations.Count < 10)
            violations.Add(what);
    }

    /// <summary>One application at one end, for as long as its process lives.</summary>
    private void Follow(ILink link, string end, Traffic written, Traffic received, IScheduler clock)
    {
        releases.Made(link);
        link.State.Subscribe(releases.Observer<LinkState>("a link's states", state =>
        {
            fingerprint.Add(network.Now, $"{end} {link.Id} {state.Status}");
            var before = states.GetValueOrDefault((end, link.Id));
            states[(end, link.Id)] = state;
            written.LinkIs(state.IsUp, network.Now);
            if (state.IsUp)
                met.Add(link.Id);
            if (state.Status == LinkStatus.Down)
            {
                outages++;
                if (before is { IsUp: true } && network.Devices.FirstOrDefault(d => d.Name == end) is { } device)
                    recovery.Down(device, state.Since - before.Since, clock, () => DiskIsBroken(end));
            }

            if (state.Outage is { Reason: OutageReason.ProtocolError or OutageReason.StoreFailed } wrong && (wrong.Reason != OutageReason.StoreFailed || !DiskIsBroken(end)))
                Violated($"{end}: the link of {link.Id} had an outage that no network makes: {wrong.Reason}, {wrong.Detail}");
            if (state.IsFinal && state.Outage is { Reason: not OutageReason.ClosedHere } outage)
                Violated($"{end}: the link of {link.Id} was given up: {outage.Detail}");
            bounds.Check(link);
        }));
        watches[(end, link.Id)].Follow(link);
        link.Notices.Subscribe(releases.Observer<LinkNotice>("a link's notices", notice => notices.Told(end, link.Id, notice)));
        received.Read(link, () => machines[end], clock, network, () => bounds.Check(link));
        written.WriteLater(link, clock, network);
    }

    /// <summary>
    /// Whether what a machine was to keep may not be kept: its disk is broken, or was until a moment ago.
    /// </summary>
    private bool DiskIsBroken(string machine) =>
        network.Faults.Any(fault => fault.Kind == FaultKind.Disk && fault.Target == machine && network.Now <= fault.End + Setting.LongestPauseOfStores);

    private void Crashed(SimulatedMachine machine, Fault fault)
    {
        crashes++;
        var kept = fault.Memory == MemoryAfterCrash.Kept;
        // Lines that were dropped meanwhile may have had numbers: if the peer never had the memory, a new one begins.
        var isUnmet = setting.LimitsLines && setting.Devices.Any(id => (machine.Name == Setting.Server || machine.Name == id) && !met.Contains(id));
        notices.Crashed(machine.Name, kept && !isUnmet);
        foreach (var id in setting.Devices.Where(id => machine.Name == Setting.Server || machine.Name == id))
        {
            var (store, written, received) = machine is SimulatedServer server
                ? (server.Disk, down[id], up[id])
                : (((SimulatedDevice)machine).Flash, up[id], down[id]);
            written.WriterCrashed(kept ? store.LinesOf(id) : []);
            // Protocol 1 keeps no memory outside the process; and what could not be kept is not.
            if (!kept || setting.Protocol == 1 || DiskIsBroken(machine.Name))
                received.ReceiverLostMemory();
            received.ReaderCrashed();
            states.Remove((machine.Name, id));
            var survivor = machine.Name == id ? Setting.Server : id;
            if (!kept && machines[survivor].IsRunning && states.TryGetValue((survivor, id), out var state) && state.Connections > 0)
                notices.MustBeTold(survivor, id);
        }
    }
}
