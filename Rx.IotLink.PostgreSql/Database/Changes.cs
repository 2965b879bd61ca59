using System.Text;

namespace Rx.IotLink.PostgreSql.Database;

/// <summary>
/// What the records of a batch change in one memory, all together: each column and each line is written once.
/// </summary>
/// <param name="claim">The claim under which the records are written.</param>
internal sealed class Changes(SessionClaim claim)
{
    public static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly SortedDictionary<long, SessionRecord> added = [];
    private readonly Dictionary<long, bool> removed = [];
    private readonly List<long> taken = [];
    private readonly HashSet<long> givenUp = [];
    private readonly List<SessionRecord> received = [];

    public SessionClaim Claim => claim;

    public byte[] Id { get; } = Utf8.GetBytes(claim.Id);

    // Null: unchanged.
    public long? Epoch { get; private set; }

    public long? First { get; private set; }

    public long? Connections { get; private set; }

    public long? LastPosition { get; private set; }

    /// <summary>Whether <see cref="PeerEpoch"/> and <see cref="Accepted"/> change.</summary>
    public bool HasPeer { get; private set; }

    public long? PeerEpoch { get; private set; }

    public long Accepted { get; private set; }

    public long? RemovedThrough { get; private set; }

    public bool IsForgotten { get; private set; }

    /// <summary>
    /// Lines that are removed, beside those up to <see cref="RemovedThrough"/>; and whether the peer has accepted them.
    /// </summary>
    public IReadOnlyDictionary<long, bool> Removed => removed;

    /// <summary>Up to which position the peer has accepted what is removed.</summary>
    public long AcceptedThrough { get; private set; }

    /// <summary>Lines that are added, in their order.</summary>
    public IReadOnlyCollection<SessionRecord> Added => added.Values;

    /// <summary>Lines that leave the outbox of the fleet.</summary>
    public IReadOnlyCollection<long> Taken => taken;

    /// <summary>Lines of the outbox that were added and given up in the same batch.</summary>
    public IReadOnlySet<long> GivenUp => givenUp;

    /// <summary>Lines for the inbox of the fleet, in their order.</summary>
    public IReadOnlyList<SessionRecord> Received => received;

    /// <summary>The changes of a batch, one object for each claim, in the order of their first records.</summary>
    public static List<Changes> Of(IReadOnlyList<SessionWrite> batch)
    {
        var all = new List<Changes>();
        var known = new Dictionary<SessionClaim, Changes>();
        Changes? last = null;
        for (var at = 0; at < batch.Count; at++)
        {
            var (claim, record) = batch[at];
            if (last?.Claim != claim && !known.TryGetValue(claim, out last))
            {
                known.Add(claim, last = new(claim));
                all.Add(last);
            }

            last.Apply(record);
        }

        return all;
    }

    private void Apply(in SessionRecord record)
    {
        switch (record.Kind)
        {
            case SessionRecordKind.Begin:
                (Epoch, First) = (Signed(record.Epoch), 1);
                (HasPeer, PeerEpoch, Accepted) = (true, null, 0);
                break;
            case SessionRecordKind.Connect:
                Connections = Signed(record.Number);
                break;
            case SessionRecordKind.Add when record.Text is null:
                throw new ArgumentException($"The record that adds line {record.Position} has no text.", nameof(record));
            case SessionRecordKind.Add:
                LastPosition = Math.Max(LastPosition ?? 0, record.Position);
                removed.Remove(record.Position);
                added[record.Position] = record;
                if (record.Entry != 0)
                    taken.Add(record.Entry);
                break;
            case SessionRecordKind.Remove:
                if (added.Remove(record.Position, out var gone) && gone.Entry != 0)
                    givenUp.Add(gone.Entry);
                removed[record.Position] = record.IsAccepted;
                break;
            case SessionRecordKind.RemoveThrough:
                foreach (var position in record.GivenUp ?? [])
                    removed[position] = false;
                RemovedThrough = AcceptedThrough = Math.Max(RemovedThrough ?? 0, record.Position);
                First = Signed(unchecked(record.Number + 1));
                RemoveAdded(record.Position);
                break;
            case SessionRecordKind.Accept:
                (HasPeer, PeerEpoch, Accepted) = (true, Signed(record.Epoch), Signed(record.Number));
                break;
            case SessionRecordKind.Receive when record.Text is null:
                throw new ArgumentException($"The record of received line {record.Number} has no text.", nameof(record));
            case SessionRecordKind.Receive:
                received.Add(record);
                break;
            case SessionRecordKind.Forget:
                IsForgotten = true;
                added.Clear();
                RemovedThrough = long.MaxValue;
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(record), record.Kind, "A record of an unknown kind.");
        }
    }

    private void RemoveAdded(long through)
    {
        foreach (var position in added.Keys.TakeWhile(position => position <= through).ToArray())
            added.Remove(position);
    }

    private static long Signed(ulong value) => unchecked((long)value);
}
