namespace Rx.IotLink.Tests.Protocol2.Driving;

/// <summary>A store that keeps every memory it ever held, so that a test can restart an end with the latest, or with an older one.</summary>
internal sealed class MemoryStore(SessionMemory? start = null) : ISessionStore
{
    private readonly List<SessionMemory?> steps = [start];

    public SessionMemory? Latest => steps[^1];

    /// <summary>All memories, oldest first; the first is what it began with.</summary>
    public IReadOnlyList<SessionMemory?> Steps => steps;

    public int Loads { get; private set; }

    /// <summary>What the next calls fail with, if anything.</summary>
    public Exception? Fault { get; set; }

    public SessionMemory? Load()
    {
        Loads++;
        return Latest;
    }

    public void Begin(ulong epoch) => Keep(new SessionMemory(epoch, First: 1, Lines: [], PeerEpoch: null, Accepted: 0, Latest?.Connections ?? 0));

    public void Connect(ulong number) => Keep(Latest! with { Connections = number });

    public void Add(ulong number, string line)
    {
        if (number != Latest!.First + (ulong)Latest.Lines.Count)
            throw new InvalidOperationException($"Line {number} is added to a memory of {Latest.First} and {Latest.Lines.Count} more.");
        Keep(Latest with { Lines = [.. Latest.Lines, line] });
    }

    public void RemoveThrough(ulong number) =>
        Keep(Latest! with { First = number + 1, Lines = [.. Latest.Lines.Skip((int)(number + 1 - Latest.First))] });

    public void Accept(ulong peerEpoch, ulong number) => Keep(Latest! with { PeerEpoch = peerEpoch, Accepted = number });

    private void Keep(SessionMemory memory)
    {
        if (Fault is not null)
            throw Fault;
        steps.Add(memory);
    }
}
