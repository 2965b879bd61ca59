namespace Rx.IotLink.Testing;

/// <summary>Which faults a seed gives, where, and how often.</summary>
public sealed record FaultMix
{
    /// <summary>Where they happen: ids of devices, names of servers and access points.</summary>
    public required IReadOnlyList<string> Targets { get; init; }

    /// <summary>The machines that can crash, and whose disks can break: devices and servers. Default none.</summary>
    public IReadOnlyList<string> Machines { get; init; } = [];

    /// <summary>The servers whose logs can break. Default none.</summary>
    public IReadOnlyList<string> Logs { get; init; } = [];

    /// <summary>
    /// The kinds of faults. Default: all except <see cref="FaultKind.Disk"/>, which matters only with a session store,
    /// and <see cref="FaultKind.Handler"/>, which matters only to what is <c>Breakable</c>. Both and
    /// <see cref="FaultKind.Crash"/> need <see cref="Machines"/>, and <see cref="FaultKind.Log"/> needs
    /// <see cref="Logs"/>; without them there are no faults of that kind.
    /// </summary>
    public IReadOnlyList<FaultKind> Kinds { get; init; } = [.. Enum.GetValues<FaultKind>().Where(k => k is not (FaultKind.Disk or FaultKind.Handler))];

    /// <summary>
    /// The faults of disks; the seed chooses one of them. Default: those that break no promise (it fails, or is full).
    /// </summary>
    public IReadOnlyList<DiskFault> Disks { get; init; } = [DiskFault.Fails, DiskFault.Full];

    /// <summary>The faults of applications; the seed chooses one of them. Default: all.</summary>
    public IReadOnlyList<HandlerFault> Handlers { get; init; } = [.. Enum.GetValues<HandlerFault>()];

    /// <summary>
    /// What crashed machines find of their memory; the seed chooses one of them. Default: all except rolled back.
    /// </summary>
    public IReadOnlyList<MemoryAfterCrash> Memories { get; init; } = [MemoryAfterCrash.Lost, MemoryAfterCrash.Kept];

    /// <summary>The earliest time of a fault. Default: at once.</summary>
    public TimeSpan From { get; init; }

    /// <summary>When all faults are over. Default 5 min.</summary>
    public TimeSpan Until { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The mean time from the start of one fault to the start of the next; faults can overlap. Default 20 s.
    /// </summary>
    public TimeSpan MeanBetween { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// The longest duration of a fault. Default 15 s. Half of the faults are shorter than an eighth of it.
    /// </summary>
    public TimeSpan Longest { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>The faults of a seed, in the order of their starts; they are the same on every machine.</summary>
    /// <exception cref="ArgumentException">There are no targets or kinds, or the times make no sense.</exception>
    public IReadOnlyList<Fault> Of(int seed)
    {
        Validate();
        var random = new Random(seed);
        IReadOnlyList<FaultKind> kinds = [.. Kinds.Where(CanHappen)];
        var faults = new List<Fault>();
        for (var at = From + Gap(random); at < Until; at += Gap(random))
        {
            var longest = Until - at < Longest ? Until - at : Longest;
            // Most are much shorter than the longest: short ones find other mistakes.
            var lasting = Round(longest * Math.Pow(random.NextDouble(), 3));
            faults.Add(Make(kinds[random.Next(kinds.Count)], at, lasting, random));
        }

        return faults;
    }

    private Fault Make(FaultKind kind, TimeSpan at, TimeSpan lasting, Random random)
    {
        var target = Targets[random.Next(Targets.Count)];
        return kind switch
        {
            FaultKind.Kill => Fault.Kill(target, at, reset: random.Next(2) == 0, losesTail: random.Next(3) > 0),
            FaultKind.Stall => Fault.Stall(target, at, lasting, (StallDirection)random.Next(1, 4)),
            FaultKind.Refuse => Fault.Refuse(target, at, lasting),
            FaultKind.Delay => Fault.Delay(target, at, lasting, by: TimeSpan.FromMilliseconds(random.Next(1, 1_500)), jitter: TimeSpan.FromMilliseconds(random.Next(400))),
            FaultKind.Throttle => Fault.Throttle(target, at, lasting, bytesPerSecond: random.Next(50, 5_000)),
            FaultKind.Slice => Fault.Slice(target, at, lasting, bytes: random.Next(1, 12)),
            FaultKind.Coalesce => Fault.Coalesce(target, at, lasting, within: TimeSpan.FromMilliseconds(random.Next(1, 500))),
            FaultKind.OpenSlowly => Fault.OpenSlowly(target, at, lasting, by: TimeSpan.FromMilliseconds(random.Next(1, 8_000))),
            FaultKind.Log => Fault.Log(Logs[random.Next(Logs.Count)], at, lasting),
            FaultKind.Handler => Fault.Handler(Machines[random.Next(Machines.Count)], at, lasting, Handlers[random.Next(Handlers.Count)]),
            FaultKind.Disk => Fault.Disk(Machines[random.Next(Machines.Count)], at, lasting, Disks[random.Next(Disks.Count)]),
            _ => Fault.Crash(Machines[random.Next(Machines.Count)], at, lasting, Memories[random.Next(Memories.Count)], (CrashKind)random.Next(3)),
        };
    }

    private bool CanHappen(FaultKind kind) => kind switch
    {
        FaultKind.Crash or FaultKind.Disk or FaultKind.Handler => Machines.Count > 0,
        FaultKind.Log => Logs.Count > 0,
        _ => true,
    };

    private TimeSpan Gap(Random random) => Round(MeanBetween * (2 * random.NextDouble())) + TimeSpan.FromMilliseconds(1);

    private static TimeSpan Round(TimeSpan time) => TimeSpan.FromMilliseconds((long)time.TotalMilliseconds);

    private void Validate()
    {
        Require(Targets.Count > 0, nameof(Targets), "is empty");
        Require(Kinds.Any(CanHappen), nameof(Kinds), "has nothing but faults of machines or logs, and there are none");
        Require(Disks.Count > 0, nameof(Disks), "is empty");
        Require(Handlers.Count > 0, nameof(Handlers), "is empty");
        Require(Memories.Count > 0, nameof(Memories), "is empty");
        Require(From >= TimeSpan.Zero && From <= Until, nameof(From), $"is {From}; it lies between 0 and {nameof(Until)} ({Until})");
        Require(MeanBetween > TimeSpan.Zero, nameof(MeanBetween), $"is {MeanBetween}; it is positive");
        Require(Longest > TimeSpan.Zero, nameof(Longest), $"is {Longest}; it is positive");
    }

    private static void Require(bool condition, string name, string fault)
    {
        if (!condition)
            throw new ArgumentException($"{nameof(FaultMix)}.{name} {fault}.", name);
    }
}
