namespace Fuzz.Targets;

/// <summary>Something to attack: takes an input, and throws if a promise was broken.</summary>
/// <param name="Name">As on the command line, and that of its corpus.</param>
/// <param name="About">What it attacks.</param>
/// <param name="Attack">Plays one input.</param>
internal sealed record Target(string Name, string About, Action<byte[]> Attack)
{
    /// <summary>
    /// What an input may allocate at most: so much for the end itself, and so much for each of its bytes.
    /// </summary>
    private const long EndBytes = 4_000_000;
    private const long BytesOfByte = 8_000;

    public static IReadOnlyList<Target> All { get; } =
    [
        new("server", "a whole server, its openings first: both protocols, with keys and without", input => ServerEnd.Attack(input)),
        new("client", "a whole client, its openings first: both protocols, with a key and without", input => ClientEnd.Attack(input)),
        new("lines1", "the state machine of protocol 1 at either end", input => RoomEnd.Attack(input, version: 1)),
        new("lines2", "the state machine of protocol 2 at either end, greeting included", input => RoomEnd.Attack(input, version: 2)),
    ];

    /// <summary>Plays one input, and looks at what it cost.</summary>
    public void Run(byte[] input)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        Attack(input);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        if (allocated > EndBytes + BytesOfByte * Math.Min(input.Length, Script.MaxBytes))
            throw new BrokenPromiseException($"{input.Length} bytes of input allocated {allocated} bytes");
    }
}
