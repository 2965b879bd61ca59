using Rx.IotLink.Protocol;
using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Protocol2.Driving;

/// <summary>
/// A store of one device that keeps every memory it ever held, so that a test can restart an end with the latest, or
/// with an older one.
/// </summary>
internal sealed class MemoryStore : ISessionStore
{
    private readonly MemorySessionStore kept = new();
    private readonly List<KeptMemory?> steps = [];
    private string id = "";
    private SessionClaim claim;

    public MemoryStore(KeptMemory? start = null)
    {
        kept.Restore(id, start?.ToSnapshot());
        steps.Add(start);
    }

    public KeptMemory? Latest => steps[^1];

    /// <summary>All memories, oldest first; the first is what it began with.</summary>
    public IReadOnlyList<KeptMemory?> Steps => steps;

    public int Claims { get; private set; }

    /// <summary>Whether it says that others may claim the memory. Nobody does here.</summary>
    public bool IsShared { get; init; }

    /// <summary>What the next calls fail with, if anything.</summary>
    public Exception? Fault { get; set; }

    /// <summary>What an end goes on with that begins now.</summary>
    public KeptSession Load()
    {
        Claims++;
        var (latest, memory) = kept.Claim(id);
        claim = latest;
        return new(memory, kept.SnapshotOf(id)?.Lines ?? [], Keys: []);
    }

    /// <summary>Keeps a record.</summary>
    public void Take(in SessionRecord record)
    {
        if (Fault is not null)
            throw Fault;
        _ = kept.Keep([new(claim, record)]);
        steps.Add(KeptMemory.Of(kept.SnapshotOf(id)));
    }

    public ValueTask<ClaimedSession> ClaimAsync(string id, CancellationToken cancellationToken = default)
    {
        var snapshot = kept.SnapshotOf(this.id);
        this.id = id;
        kept.Restore(id, snapshot);
        var memory = Load().Memory;
        return new(new ClaimedSession(claim, memory));
    }

    public ValueTask<IReadOnlyCollection<SessionClaim>> WriteAsync(IReadOnlyList<SessionWrite> batch, CancellationToken cancellationToken = default)
    {
        var fenced = new List<SessionClaim>();
        foreach (var (by, record) in batch)
        {
            if (by == claim)
                Take(record);
            else
                fenced.Add(by);
        }

        return new(fenced);
    }

    public ValueTask<IReadOnlyList<StoredLine>> ReadLinesAsync(SessionClaim claim, long after, int count, CancellationToken cancellationToken = default) =>
        kept.ReadLinesAsync(claim, after, count, cancellationToken);
}

/// <summary>What a store remembers of one end: in the words of a test.</summary>
/// <param name="Epoch">Its name.</param>
/// <param name="First">The number of the first line.</param>
/// <param name="Lines">The lines that wait.</param>
/// <param name="PeerEpoch">The peer's memory that was met last, or null.</param>
/// <param name="Accepted">The number of the last line accepted from it.</param>
/// <param name="Connections">The number of the client's last connection.</param>
internal sealed record KeptMemory(ulong Epoch, ulong First, IReadOnlyList<string> Lines, ulong? PeerEpoch, ulong Accepted, ulong Connections = 0)
{
    public static KeptMemory? Of(SessionSnapshot? snapshot) => snapshot is not { Memory: { Epoch: { } epoch } memory }
        ? null
        : new(epoch, memory.First, [.. snapshot.Lines.Select(line => line.Text)], memory.PeerEpoch, memory.Accepted, memory.Connections);

    public SessionSnapshot ToSnapshot() => new(
        new(Epoch, First, PeerEpoch, Accepted, Connections, Lines.Count, Lines.Count, WaitingBytes: 0),
        [.. Lines.Select((line, at) => new StoredLine(at + 1, line))]);
}
