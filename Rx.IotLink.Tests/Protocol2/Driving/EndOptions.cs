using Rx.IotLink.Protocol.Version2;

namespace Rx.IotLink.Tests.Protocol2.Driving;

/// <summary>How a <see cref="TestEnd"/> is set up.</summary>
internal sealed record EndOptions
{
    public string Id { get; init; } = "pump-1";

    public byte[]? Key { get; init; }

    /// <summary>On a server: the key that replaces the other one.</summary>
    public byte[]? NextKey { get; init; }

    /// <summary>Whether a client speaks protocol 1 to a server that knows no other.</summary>
    public bool MayFallBack { get; init; }

    /// <summary>The longest timeout that a client accepts from a server; null: any.</summary>
    public TimeSpan? MaxTimeout { get; init; }

    public TimeSpan Timeout { get; init; } = TimeSpan.FromMilliseconds(2_000);

    public int Window { get; init; } = 64;

    public int Max { get; init; } = 4_000;

    /// <summary>How many lines may wait for the application.</summary>
    public int Inbox { get; init; } = int.MaxValue;

    public MemoryStore Store { get; init; } = new MemoryStore();

    /// <summary>Whether the memory is kept in the store; if not, nothing waits for it.</summary>
    public bool IsKept { get; init; } = true;

    /// <summary>Whether what is to be kept is kept at once, from the beginning.</summary>
    public bool Keeps { get; init; } = true;

    public FillRandom Random { get; init; } = Seeded(1);

    /// <summary>Whether the application takes each line at once.</summary>
    public bool AcceptsAtOnce { get; init; } = true;

    /// <summary>What the output may hold before it has no room for further lines.</summary>
    public int Room { get; init; } = int.MaxValue;

    public static FillRandom Seeded(int seed)
    {
        var random = new Random(seed);
        return bytes => random.NextBytes(bytes);
    }
}
