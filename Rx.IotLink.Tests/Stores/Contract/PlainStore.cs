using System.Globalization;
using System.Text;
using static Rx.IotLink.Tests.Stores.Contract.PlantedFault;

namespace Rx.IotLink.Tests.Stores.Contract;

/// <summary>A store in memory, as plain as can be, with one mistake of choice.</summary>
internal sealed class PlainStore(PlainStore.Memory kept, PlantedFault fault) : ISessionStore
{
    private long tokensHere;

    /// <summary>Its next batches fail.</summary>
    public bool IsBroken { get; set; }

    public ValueTask<ClaimedSession> ClaimAsync(string id, CancellationToken cancellationToken = default)
    {
        lock (kept)
        {
            if (!kept.Sessions.TryGetValue(Key(id), out var session))
                kept.Sessions[Key(id)] = session = new();
            session.Token = fault switch
            {
                TokensBeginAnewWhenOpened => ++tokensHere,
                TokensBeginAnewWhenForgotten => session.Token + 1,
                _ => ++kept.Tokens,
            };
            return new(new ClaimedSession(new(id, session.Token), Counted(session)));
        }
    }

    public ValueTask<IReadOnlyCollection<SessionClaim>> WriteAsync(IReadOnlyList<SessionWrite> batch, CancellationToken cancellationToken = default)
    {
        lock (kept)
        {
            if (fault != CancelledBatchesAreKeptInPart)
                cancellationToken.ThrowIfCancellationRequested();
            var fenced = new HashSet<SessionClaim>();
            if (IsBroken && fault == HalfABatchIsKept)
                Apply(batch.Take(batch.Count / 2), fenced);
            if (IsBroken)
                throw new SessionStoreException("of a test", SessionStoreFault.Unavailable, "is broken", "Mend it.");
            if (cancellationToken.IsCancellationRequested)
                Apply(batch.Take(1), fenced);
            cancellationToken.ThrowIfCancellationRequested();
            Apply(batch, fenced);
            return new(fault == FencedClaimsAreNotReturned ? [] : (IReadOnlyCollection<SessionClaim>)fenced);
        }
    }

    public ValueTask<IReadOnlyList<StoredLine>> ReadLinesAsync(SessionClaim claim, long after, int count, CancellationToken cancellationToken = default)
    {
        lock (kept)
        {
            if (!kept.Sessions.TryGetValue(Key(claim.Id), out var session) || (session.Token != claim.Token && fault != FencedClaimsRead))
                return new([]);
            var lines = session.Lines.Values.Where(line => line.Position > after || (fault == ReadsFromThePositionOn && line.Position == after));
            if (fault == PositionsAreOrderedAsText)
                lines = lines.OrderBy(line => line.Position.ToString(CultureInfo.InvariantCulture), StringComparer.Ordinal);
            return new([.. lines.Take(fault == ReadsOneTooMany && count < int.MaxValue ? count + 1 : count)]);
        }
    }

    public ValueTask<IReadOnlyList<string>?> FindIdsAsync(long least, CancellationToken cancellationToken = default)
    {
        lock (kept)
            return new([.. kept.Sessions.Where(one => IsFound(one.Value)).Select(one => one.Key)]);

        bool IsFound(Session session)
        {
            var number = fault == FindsWhatWas ? session.GreatestConnections : session.Begun.Connections;
            return (fault != FindsWhatIsSigned || number <= long.MaxValue) && (number > (ulong)least || (number == (ulong)least && fault != FindsOneTooFew));
        }
    }

    private void Apply(IEnumerable<SessionWrite> batch, HashSet<SessionClaim> fenced)
    {
        var writes = batch.ToArray();
        foreach (var (claim, record) in writes)
        {
            var session = kept.Sessions.GetValueOrDefault(Key(claim.Id));
            var isOwner = session is not null && (session.Token == claim.Token || fault == FencesNobodyOut || (fault == TokensOfAnyIdWrite && claim.Token > session.Token));
            // Forgotten before: all that comes again holds already.
            var isForgotten = session is null && fault != ForgottenTwiceIsFencedOut
                && writes.Any(write => write.Claim == claim && write.Record.Kind == SessionRecordKind.Forget);
            if (isOwner)
                Apply(session!, claim, record);
            else if (!isForgotten)
                fenced.Add(claim);
            if (fenced.Count > 0 && fault == OneFencedClaimStopsTheBatch)
                return;
        }
    }

    private void Apply(Session session, SessionClaim claim, SessionRecord record)
    {
        switch (record.Kind)
        {
            case SessionRecordKind.Begin:
                Begin(session, record.Epoch);
                break;
            case SessionRecordKind.Connect:
                session.Begun = session.Begun with { Connections = Bits(record.Number) };
                session.GreatestConnections = Math.Max(session.GreatestConnections, record.Number);
                break;
            case SessionRecordKind.Add:
                session.Lines[record.Position] = new(record.Position, Text(record.Text!), Ends(record.Expires), fault == KeysAreNotKept ? null : record.Key);
                session.LastPosition = Math.Max(session.LastPosition, record.Position);
                break;
            case SessionRecordKind.Remove:
                Remove(session, position => position == record.Position || (fault == RemoveRemovesAllBefore && position < record.Position));
                break;
            case SessionRecordKind.RemoveThrough:
                Remove(session, position => position < record.Position || (position == record.Position && fault != RemovesOneTooFew));
                session.Begun = session.Begun with { First = fault == FirstStays ? session.Begun.First : Bits(record.Number + 1) };
                break;
            case SessionRecordKind.Accept:
                var accepted = fault == AcceptKeepsTheGreatest ? Math.Max(record.Number, session.Begun.Accepted) : record.Number;
                session.Begun = session.Begun with { PeerEpoch = Bits(record.Epoch), Accepted = Bits(accepted) };
                break;
            case SessionRecordKind.Forget:
                Forget(session, claim);
                break;
        }
    }

    private void Begin(Session session, ulong epoch)
    {
        if (fault == BeginForgetsLines)
            session.Lines.Clear();
        session.Begun = new(
            Bits(epoch), 1, fault == BeginKeepsThePeer ? session.Begun.PeerEpoch : null, 0,
            fault == BeginForgetsConnections ? 0 : session.Begun.Connections, session.LastPosition, 0, 0);
    }

    private void Forget(Session session, SessionClaim claim)
    {
        if (fault == ForgetKeepsLines)
            session.Begun = SessionMemory.Empty;
        else
            kept.Sessions.Remove(Key(claim.Id));
    }

    private SessionMemory Counted(Session session) => session.Begun with
    {
        LastPosition = fault == LastPositionIsOfALineThatWaits ? session.Lines.Keys.LastOrDefault() : session.LastPosition,
        Waiting = session.Lines.Count,
        WaitingBytes = session.Lines.Values.Sum(line => (long)(fault == WaitingCountsCharacters ? line.Text.Length : Encoding.UTF8.GetByteCount(line.Text))),
    };

    private static void Remove(Session session, Func<long, bool> which)
    {
        foreach (var position in session.Lines.Keys.Where(which).ToArray())
            session.Lines.Remove(position);
    }

    private string Key(string id) => fault == IdsIgnoreCase ? id.ToUpperInvariant() : id;

    private ulong Bits(ulong number) => fault == NumbersHave63Bits ? number & long.MaxValue : number;

    private string Text(string text) => fault switch
    {
        TextEndsAtNul => text.Split('\0')[0],
        TextIsTrimmed => text.Trim(),
        _ => text,
    };

    private DateTimeOffset? Ends(DateTimeOffset? at) =>
        fault == EndsHaveMilliseconds && at is { } end ? DateTimeOffset.FromUnixTimeMilliseconds(end.ToUnixTimeMilliseconds()) : at;

    /// <summary>What outlives the store.</summary>
    internal sealed class Memory
    {
        public Dictionary<string, Session> Sessions { get; } = new(StringComparer.Ordinal);

        public long Tokens { get; set; }
    }

    internal sealed class Session
    {
        public long Token { get; set; }

        public SessionMemory Begun { get; set; } = SessionMemory.Empty;

        public long LastPosition { get; set; }

        public ulong GreatestConnections { get; set; }

        public SortedDictionary<long, StoredLine> Lines { get; } = [];
    }
}
