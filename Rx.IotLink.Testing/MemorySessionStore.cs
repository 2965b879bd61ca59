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
    public ValueTask<IReadOnlyCollection<SessionClaim>> WriteAsync(IReadOnlyList<SessionWrite> batch, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        cancellationToken.ThrowIfCancellationRequested();
        return disk is { IsSlow: true } ? WriteSlowlyAsync(disk, batch) : new(Keep(batch));
    }

    private async ValueTask<IReadOnlyCollection<SessionClaim>> WriteSlowlyAsync(SimulatedDisk slow, IReadOnlyList<SessionWrite> batch)
    {
        await slow.WaitAsync().ConfigureAwait(false);
        return Keep(batch);
    }

    internal IReadOnlyCollection<SessionClaim> Keep(IReadOnlyList<SessionWrite> batch)
    {
        lock (gate)
        {
            // All of it or nothing: steps that can fail come first.
            Check(Grows(batch));
            HashSet<SessionClaim>? fenced = null;
            for (var at = 0; at < batch.Count; at++)
            {
                var (claim, record) = batch[at];
                if (Holder(claim) is { } session)
                    session.Take(record);
                else
                    (fenced ??= []).Add(claim);
            }

            disk?.Written();
            return fenced ?? (IReadOnlyCollection<SessionClaim>)[];
        }
    }

    private static bool Grows(IReadOnlyList<SessionWrite> batch)
    {
        for (var at = 0; at < batch.Count; at++)
        {
            if (batch[at].Record.Kind is SessionRecordKind.Begin or SessionRecordKind.Add)
                return true;
        }

        return false;
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
        private static readonly Comparer<StoredLine> ByPosition = Comparer<StoredLine>.Create(static (a, b) => a.Position.CompareTo(b.Position));

        private readonly SortedSet<StoredLine> lines = new(ByPosition);

        // The fields behind it change with each line; a new memory each time would be the most that a line costs here.
        private SessionMemory memory = SessionMemory.Empty;
        private ulong accepted;
        private ulong first = 1;
        private long lastPosition;

        public long Token { get; set; }

        public ulong Connections => memory.Connections;

        public bool IsBegun => lines.Count > 0 || Memory != SessionMemory.Empty;

        private SessionMemory Memory
        {
            get => memory with { Accepted = accepted, First = first, LastPosition = lastPosition };
            set => (memory, accepted, first, lastPosition) = (value, value.Accepted, value.First, value.LastPosition);
        }

        public SessionSnapshot Snapshot() => new(
            Memory with { Waiting = lines.Count, WaitingBytes = lines.Sum(line => (long)System.Text.Encoding.UTF8.GetByteCount(line.Text)) },
            [.. lines]);

        public void Restore(SessionSnapshot? to)
        {
            lines.Clear();
            lines.UnionWith(to?.Lines ?? []);
            Memory = to is null ? SessionMemory.Empty : to.Memory with { Waiting = 0, WaitingBytes = 0 };
        }

        public IEnumerable<StoredLine> LinesAfter(long position) => lines.Where(line => line.Position > position);

        public void Take(in SessionRecord record)
        {
            switch (record.Kind)
            {
                case SessionRecordKind.Begin:
                    Memory = Memory with { Epoch = record.Epoch, First = 1, PeerEpoch = null, Accepted = 0 };
                    break;
                case SessionRecordKind.Connect:
                    memory = memory with { Connections = record.Number };
                    break;
                case SessionRecordKind.Add:
                    var line = new StoredLine(record.Position, record.Text!, record.Expires, record.Key);
                    // It may come a second time.
                    if (!lines.Add(line))
                    {
                        lines.Remove(line);
                        lines.Add(line);
                    }

                    lastPosition = Math.Max(lastPosition, record.Position);
                    break;
                case SessionRecordKind.Remove:
                    lines.Remove(new(record.Position, ""));
                    break;
                case SessionRecordKind.RemoveThrough:
                    while (lines.Count > 0 && lines.Min is var oldest && oldest.Position <= record.Position)
                        lines.Remove(oldest);
                    first = record.Number + 1;
                    break;
                case SessionRecordKind.Accept:
                    if (memory.PeerEpoch != record.Epoch)
                        memory = memory with { PeerEpoch = record.Epoch };
                    accepted = record.Number;
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
