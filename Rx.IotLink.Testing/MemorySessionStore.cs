using Rx.IotLink.Testing.Simulation;

namespace Rx.IotLink.Testing;

/// <summary>
/// A store in memory that survives the simulated process, as flash or a disk would. Not for production: it ends with
/// the test.
/// </summary>
/// <remarks>
/// Its tasks are complete when they are returned, or complete on the thread of the virtual clock
/// (<see cref="DiskFault.Slow"/>).
/// </remarks>
public sealed class MemorySessionStore : ISessionStore
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, Session> sessions = new(StringComparer.Ordinal);
    private readonly SimulatedDisk? disk;
    private long tokens;

    /// <summary>A store that works, until <see cref="Fault"/> is set.</summary>
    public MemorySessionStore()
    {
    }

    internal MemorySessionStore(SimulatedDisk disk) => this.disk = disk;

    /// <summary>The exception of the next calls. Default null: they work.</summary>
    public Exception? Fault { get; set; }

    /// <summary>The ids that have a memory in it.</summary>
    public IReadOnlyList<string> Ids
    {
        get
        {
            lock (gate)
                return [.. sessions.Keys];
        }
    }

    /// <summary>The memory of a device; null if none was begun.</summary>
    public SessionMemory? MemoryOf(string id) => SnapshotOf(id)?.Memory;

    /// <summary>The lines of a device that wait, oldest first.</summary>
    public IReadOnlyList<string> LinesOf(string id) => [.. SnapshotOf(id)?.Lines.Select(line => line.Text) ?? []];

    /// <summary>All that it holds of a device; null if no memory was begun.</summary>
    public SessionSnapshot? SnapshotOf(string id)
    {
        lock (gate)
            return sessions.TryGetValue(id, out var session) && session.IsBegun ? session.Snapshot() : null;
    }

    /// <summary>
    /// Replaces what it holds of a device, by nothing or by an older snapshot. Claims stay as they are.
    /// </summary>
    public void Restore(string id, SessionSnapshot? to)
    {
        lock (gate)
            Of(id).Restore(to);
    }

    /// <inheritdoc/>
    public ValueTask<ClaimedSession> ClaimAsync(string id, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(Claim(id));
    }

    internal ClaimedSession Claim(string id)
    {
        lock (gate)
        {
            if (Fault is not null)
                throw Fault;
            var session = Of(id);
            session.Token = ++tokens;
            return new(new(id, session.Token), session.Snapshot().Memory);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyCollection<SessionClaim>> WriteAsync(IReadOnlyList<SessionWrite> batch, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        cancellationToken.ThrowIfCancellationRequested();
        if (disk is { IsSlow: true })
            await disk.WaitAsync().ConfigureAwait(false);
        return Write(batch);
    }

    internal IReadOnlyCollection<SessionClaim> Write(IReadOnlyList<SessionWrite> batch)
    {
        lock (gate)
        {
            // All of it or nothing: steps that can fail come first.
            Check(batch.Any(write => write.Record.Kind is SessionRecordKind.Begin or SessionRecordKind.Add));
            var fenced = new HashSet<SessionClaim>();
            foreach (var (claim, record) in batch)
            {
                if (Holder(claim) is { } session)
                    session.Take(record);
                else
                    fenced.Add(claim);
            }

            disk?.Written();
            return fenced;
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoredLine>> ReadLinesAsync(SessionClaim claim, long after, int count, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (gate)
        {
            if (Fault is not null)
                throw Fault;
            return new(Holder(claim) is { } session ? [.. session.LinesAfter(after).Take(count)] : []);
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>?> FindIdsAsync(long least, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(least, 1);
        cancellationToken.ThrowIfCancellationRequested();
        lock (gate)
        {
            if (Fault is not null)
                throw Fault;
            return new([.. sessions.Where(one => one.Value.Connections >= (ulong)least).Select(one => one.Key)]);
        }
    }

    private Session Of(string id)
    {
        if (!sessions.TryGetValue(id, out var session))
            sessions.Add(id, session = new());
        return session;
    }

    private Session? Holder(SessionClaim claim) =>
        sessions.TryGetValue(claim.Id, out var session) && session.Token == claim.Token ? session : null;

    private void Check(bool grows)
    {
        disk?.Write(grows);
        if (Fault is not null)
            throw Fault;
    }

    private sealed class Session
    {
        private readonly SortedDictionary<long, StoredLine> lines = [];
        private SessionMemory memory = SessionMemory.Empty;

        public long Token { get; set; }

        public ulong Connections => memory.Connections;

        public bool IsBegun => lines.Count > 0 || memory != SessionMemory.Empty;

        public SessionSnapshot Snapshot() => new(
            memory with { Waiting = lines.Count, WaitingBytes = lines.Values.Sum(line => (long)System.Text.Encoding.UTF8.GetByteCount(line.Text)) },
            [.. lines.Values]);

        public void Restore(SessionSnapshot? to)
        {
            lines.Clear();
            foreach (var line in to?.Lines ?? [])
                lines.Add(line.Position, line);
            memory = to is null ? SessionMemory.Empty : to.Memory with { Waiting = 0, WaitingBytes = 0 };
        }

        public IEnumerable<StoredLine> LinesAfter(long position) => lines.Values.Where(line => line.Position > position);

        public void Take(in SessionRecord record)
        {
            switch (record.Kind)
            {
                case SessionRecordKind.Begin:
                    memory = memory with { Epoch = record.Epoch, First = 1, PeerEpoch = null, Accepted = 0 };
                    break;
                case SessionRecordKind.Connect:
                    memory = memory with { Connections = record.Number };
                    break;
                case SessionRecordKind.Add:
                    lines[record.Position] = new(record.Position, record.Text!, record.Expires, record.Key);
                    memory = memory with { LastPosition = Math.Max(memory.LastPosition, record.Position) };
                    break;
                case SessionRecordKind.Remove:
                    lines.Remove(record.Position);
                    break;
                case SessionRecordKind.RemoveThrough:
                    while (lines.Count > 0 && lines.First().Key is var first && first <= record.Position)
                        lines.Remove(first);
                    memory = memory with { First = record.Number + 1 };
                    break;
                case SessionRecordKind.Accept:
                    memory = memory with { PeerEpoch = record.Epoch, Accepted = record.Number };
                    break;
                case SessionRecordKind.Forget:
                    Restore(to: null);
                    break;
                default:
                    throw new ArgumentException($"A record of the kind {record.Kind} is not known.", nameof(record));
            }
        }
    }
}

/// <summary>All that a store holds of one device.</summary>
/// <param name="Memory">The memory.</param>
/// <param name="Lines">The lines that wait, oldest first.</param>
public sealed record SessionSnapshot(SessionMemory Memory, IReadOnlyList<StoredLine> Lines);
