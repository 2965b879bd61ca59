using Rx.IotLink.Testing.Simulation;

namespace Rx.IotLink.Testing;

/// <summary>A store in memory that outlives the process it belongs to, as flash or a disk would. Not for production: it dies with the test.</summary>
public sealed class MemorySessionStore : ISessionStore
{
    private readonly Queue<string> lines = new();
    private readonly SimulatedDisk? disk;
    private SessionMemory? memory;

    /// <summary>A store that works, until it is given a <see cref="Fault"/>.</summary>
    public MemorySessionStore()
    {
    }

    internal MemorySessionStore(SimulatedDisk disk) => this.disk = disk;

    /// <summary>What it holds, or null.</summary>
    public SessionMemory? Memory => memory is null ? null : memory with { Lines = [.. lines] };

    /// <summary>The unacknowledged lines it holds.</summary>
    public IReadOnlyCollection<string> Lines => lines;

    /// <summary>What the next calls fail with. Default null: they work.</summary>
    public Exception? Fault { get; set; }

    /// <summary>Replaces what it holds: by nothing, or by something older.</summary>
    public void Restore(SessionMemory? to)
    {
        memory = to is null ? null : to with { Lines = [] };
        lines.Clear();
        foreach (var line in to?.Lines ?? [])
            lines.Enqueue(line);
    }

    /// <inheritdoc/>
    public SessionMemory? Load() => Memory;

    /// <inheritdoc/>
    public void Begin(ulong epoch)
    {
        Check(grows: true);
        lines.Clear();
        memory = new SessionMemory(epoch, First: 1, Lines: [], PeerEpoch: null, Accepted: 0, memory?.Connections ?? 0);
        Kept();
    }

    /// <inheritdoc/>
    public void Connect(ulong number)
    {
        Check();
        memory = Begun with { Connections = number };
        Kept();
    }

    /// <inheritdoc/>
    public void Add(ulong number, string line)
    {
        Check(grows: true);
        // Told again: the call before failed after it had been kept.
        if (number + 1 == Begun.First + (ulong)lines.Count && lines.Count > 0 && lines.Last() == line)
        {
            Kept();
            return;
        }

        if (number != Begun.First + (ulong)lines.Count)
            throw new InvalidOperationException($"Line {number} is added to a memory of {Begun.First} and {lines.Count} more.");
        lines.Enqueue(line);
        Kept();
    }

    /// <inheritdoc/>
    public void RemoveThrough(ulong number)
    {
        Check();
        for (var first = Begun.First; first <= number; first++)
            lines.Dequeue();
        memory = Begun with { First = number + 1 };
        Kept();
    }

    /// <inheritdoc/>
    public void Accept(ulong peerEpoch, ulong number)
    {
        Check();
        memory = Begun with { PeerEpoch = peerEpoch, Accepted = number };
        Kept();
    }

    private SessionMemory Begun => memory ?? throw new InvalidOperationException("No memory was begun.");

    private void Check(bool grows = false)
    {
        disk?.Write(grows);
        if (Fault is not null)
            throw Fault;
    }

    private void Kept() => disk?.Written();
}
