using Rx.IotLink;
using Rx.IotLink.Testing;

namespace Soak;

/// <summary>
/// What one seed makes of a world: how many devices, how good their paths, how tight their bounds, what their
/// applications do.
/// </summary>
public sealed record Setting
{
    /// <summary>The name of the server.</summary>
    public const string Server = "server";

    private const string Mast = "mast";

    /// <summary>Of everything that is left to chance.</summary>
    public required int Seed { get; init; }

    /// <summary>The version of the wire protocol.</summary>
    public required int Protocol { get; init; }

    /// <summary>How long applications write and faults happen; afterwards everything must heal.</summary>
    public TimeSpan Life { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The links' timeout.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The ids of the devices. If there are several, they share an access point.</summary>
    public required IReadOnlyList<string> Devices { get; init; }

    /// <summary>How the paths are when nothing is wrong.</summary>
    public required PathConditions Path { get; init; }

    /// <summary>The bound of each inbox, and so the window of the peer.</summary>
    public required int InboxLines { get; init; }

    /// <summary>The longest pause between attempts to connect.</summary>
    public required TimeSpan BackOffCap { get; init; }

    /// <summary>How much the devices' clocks are too fast or slow.</summary>
    public required int DriftPartsPerMillion { get; init; }

    /// <summary>The key of each device, or none.</summary>
    public byte[]? Key { get; init; }

    /// <summary>The mean time between the writes of an application.</summary>
    public required TimeSpan MeanBetweenWrites { get; init; }

    /// <summary>The mean time between the beginnings of faults.</summary>
    public required TimeSpan MeanBetweenFaults { get; init; }

    /// <summary>Lines written at once, at most.</summary>
    public required int Burst { get; init; }

    /// <summary>Whether applications stop reading now and then.</summary>
    public required bool PausesReading { get; init; }

    /// <summary>Whether half of the exactly-once lines need no order (<see cref="Ordering.Concurrent"/>).</summary>
    public required bool WritesConcurrently { get; init; }

    /// <summary>Whether disks break (protocol 2, which keeps its memory on them).</summary>
    public required bool BreaksDisks { get; init; }

    /// <summary>Whether some lines have a time to live, or a key under which only the last line counts.</summary>
    public bool LimitsLines { get; init; }

    /// <summary>How applications take their lines.</summary>
    public LineReading Reads { get; init; }

    /// <summary>
    /// The number of the first line of a memory that begins (protocol 2). The 16 bits of it that go over the wire begin
    /// anew at 65,536: a link that is years old, for those lives that have them.
    /// </summary>
    public required ulong FirstNumber { get; init; }

    /// <summary>The access point's name, if there is one.</summary>
    public string? AccessPoint => Devices.Count > 1 ? Mast : null;

    /// <summary>The setting of a seed.</summary>
    public static Setting Of(int seed, int protocol, TimeSpan? life = null)
    {
        var random = new Random(seed);
        T OneOf<T>(params T[] choices) => choices[random.Next(choices.Length)];
        var setting = new Setting
        {
            Seed = seed,
            Protocol = protocol,
            Life = life ?? TimeSpan.FromMinutes(5),
            Devices = [.. Enumerable.Range(1, OneOf(1, 1, 1, 2, 3)).Select(n => $"pump-{n}")],
            Path = new PathConditions
            {
                Latency = TimeSpan.FromMilliseconds(OneOf(0, 1, 5, 20, 150)),
                Jitter = TimeSpan.FromMilliseconds(OneOf(0, 0, 3, 60)),
                SliceBytes = OneOf<int?>(null, null, 1, 12),
                Coalescing = TimeSpan.FromMilliseconds(OneOf(0, 0, 0, 10)),
                BytesPerSecond = OneOf<int?>(null, null, 1_500, 20_000),
            },
            InboxLines = OneOf(1, 2, 3, 8, 256, 256),
            BackOffCap = TimeSpan.FromSeconds(OneOf(1, 4, 30)),
            DriftPartsPerMillion = OneOf(0, 0, 50, -50, 5_000, -5_000),
            Key = protocol == 2 && random.Next(4) == 0 ? Enumerable.Range(seed & 0x7F, 32).Select(n => (byte)n).ToArray() : null,
            MeanBetweenWrites = TimeSpan.FromSeconds(OneOf(5, 20, 60)),
            MeanBetweenFaults = TimeSpan.FromSeconds(OneOf(8, 25, 60)),
            Burst = OneOf(1, 3, 20),
            PausesReading = random.Next(3) == 0,
            FirstNumber = protocol == 2 ? OneOf(1UL, 1UL, 65_500UL) : 1,
            WritesConcurrently = random.Next(4) == 3,
            BreaksDisks = random.Next(3) == 0 && protocol == 2,
        };
        setting = setting with
        {
            Path = setting.Path with { SendBufferBytes = OneOf(65_536, 2_000) },
            LimitsLines = random.Next(3) == 0,
            Reads = OneOf(LineReading.Lines, LineReading.Lines, LineReading.Lines, LineReading.Received, LineReading.Process, LineReading.DeadLetters),
        };
        // What is written must fit through: a fifth of what the window and the path let pass leaves time to make up for
        // outages.
        var least = 5 * setting.Burst * setting.TimeForOneLine;
        return setting.MeanBetweenWrites < least ? setting with { MeanBetweenWrites = least } : setting;
    }

    /// <summary>
    /// Protocol 1 takes a round trip for each line, protocol 2 one for each window; and those lines of a burst that
    /// find no room in the inbox protocol 1 repeats a timeout later, when as many find room again.
    /// </summary>
    private TimeSpan TimeForOneLine =>
        (2 * (Path.Latency + Path.Jitter + Path.Coalescing) / (Protocol == 1 ? 1 : InboxLines))
        + (Protocol == 1 && WritesConcurrently ? Timeout / InboxLines : TimeSpan.Zero)
        + TimeSpan.FromSeconds(Path.BytesPerSecond is { } rate ? 40.0 / rate : 0);

    /// <summary>The faults of its seed.</summary>
    public IReadOnlyList<Fault> Faults() => [.. Mix.Of(Seed).SelectMany(fault => fault.Kind == FaultKind.Disk && IsCrashed(fault) ? [.. OutageBefore(fault), fault, CrashDuring(fault)] : new[] { fault }), .. AtFirst, .. LogMix.Of(Seed), .. Reads == LineReading.Lines ? [] : HandlerMix.Of(Seed)];

    /// <summary>
    /// In a few lives the server's disk is slow when all begins, and the server is killed right after an opening came:
    /// no device may have received an epoch that was not kept by then.
    /// </summary>
    private Fault[] AtFirst => BreaksDisks && Seed % 8 == 5
        ? [Fault.Disk(Server, TimeSpan.Zero, TimeSpan.FromSeconds(2), DiskFault.Slow), Fault.Crash(Server, (4 * (Path.Latency + Path.Jitter)) + TimeSpan.FromMilliseconds(60), Timeout / 4, MemoryAfterCrash.Kept)]
        : [];

    private FaultMix Mix => new()
    {
        Targets = AccessPoint is null ? [.. Devices, Server] : [.. Devices, Server, AccessPoint],
        Machines = [.. Devices, Server],
        Disks = [DiskFault.Fails, DiskFault.Full, DiskFault.FailsLate, DiskFault.Slow],
        // In the other lives a path that coalesces is one that always did.
        Kinds = [.. Enum.GetValues<FaultKind>().Where(kind => kind != FaultKind.Coalesce || WritesConcurrently).Where(kind => kind != FaultKind.Disk || BreaksDisks).Where(kind => kind != FaultKind.Handler)],
        From = TimeSpan.FromSeconds(1),
        Until = Life,
        MeanBetween = MeanBetweenFaults,
    };

    /// <summary>The server's log breaks now and then: nobody may notice.</summary>
    private FaultMix LogMix => Mix with { Kinds = [FaultKind.Log], Logs = [Server], MeanBetween = 4 * MeanBetweenFaults };

    /// <summary>Applications do wrong with the lines that they get.</summary>
    private FaultMix HandlerMix => Mix with
    {
        Kinds = [FaultKind.Handler],
        Handlers = Reads == LineReading.Received
            ? [HandlerFault.NeverAccepts, HandlerFault.AcceptsLate, HandlerFault.AcceptsTwice, HandlerFault.AcceptsOutOfOrder]
            : [HandlerFault.Throws, HandlerFault.Blocks, HandlerFault.Slow, HandlerFault.Cancels],
        MeanBetween = MeanBetweenFaults / 2,
    };

    /// <summary>Half of them: a machine that lives on must find out by itself that its disk works again.</summary>
    private static bool IsCrashed(Fault disk) => (long)disk.At.TotalMilliseconds % 2 == 0;

    /// <summary>
    /// A machine goes down while its disk is broken, and comes back with what was kept. By then its peer must not have
    /// learnt of anything else.
    /// </summary>
    private static Fault CrashDuring(Fault disk) =>
        Fault.Crash(disk.Target, disk.At + (disk.Lasting * 0.75), disk.Lasting / 4, MemoryAfterCrash.Kept);

    /// <summary>
    /// Where lines are dropped, some must wait when their disk breaks: what was kept of them, and is dropped before the
    /// crash, comes back with it. No writer may have learnt of it by then.
    /// </summary>
    private IEnumerable<Fault> OutageBefore(Fault disk)
    {
        var before = disk.At < LongestPauseOfStores ? disk.At : LongestPauseOfStores;
        return LimitsLines ? [Fault.Kill(disk.Target, disk.At - before), Fault.Refuse(disk.Target, disk.At - before, before + disk.Lasting)] : [];
    }

    /// <summary>
    /// So long after a disk works again it may not have been tried again: the longest pause of a link between two
    /// tries.
    /// </summary>
    public static TimeSpan LongestPauseOfStores { get; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The lengths of lines that are written at once each way when everything has healed. On a slow path they are on
    /// their way for several timeouts, one alone for longer than one. Where they are sliced they are short: each piece
    /// costs as much.
    /// </summary>
    /// <param name="up">Whether to the server: the long ones of one way meet the short ones of the other.</param>
    public IEnumerable<int> QuietLines(bool up) => Enumerable.Range(up ? 0 : 2, 12).Select(n => (n % 4 == 0 ? 3_900 : 500) / (Path.SliceBytes is null ? 1 : 10));

    /// <summary>
    /// Within this time they have all been accepted: each way for itself, in protocol 1 one after the other.
    /// </summary>
    public TimeSpan QuietTime => TimeSpan.FromSeconds(10) + (24 * TimeForOneLine)
        + TimeSpan.FromSeconds(Path.BytesPerSecond is { } rate ? 3.0 * QuietLines(up: true).Sum() / rate : 0)
        + (Protocol == 1 ? 24 * TimeSpan.FromMilliseconds(200) : TimeSpan.Zero);

    /// <summary>For this time after everything has healed, nothing may happen.</summary>
    public TimeSpan RestingTime => 4 * Timeout;

    /// <summary>
    /// Within this time after the last fault every line is accepted: a stall that was just missed is noticed (twice the
    /// timeout while a connection opens, which a server's ghost can double), a failed attempt is given up, and the
    /// longest pause goes by, which the server's advice can lengthen by half; then what waits is sent: some bursts,
    /// where the last faults came late.
    /// </summary>
    public TimeSpan HealingTime => (6 * Timeout) + TimeSpan.FromSeconds(5) + (1.5 * BackOffCap) + (1.5 * new Rx.IotLink.Server.IotLinkServerOptions().RetryAfter) + TimeSpan.FromSeconds(20) + (4 * Burst * TimeForOneLine)
        + (BreaksDisks ? LongestPauseOfStores : TimeSpan.Zero)
        + (Reads == LineReading.Lines ? TimeSpan.Zero : TimeSpan.FromSeconds(5) + (4 * Burst * TimeSpan.FromMilliseconds(200)));
}
