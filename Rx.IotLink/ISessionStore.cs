namespace Rx.IotLink;

/// <summary>
/// Keeps one end's memory of its links, so that it survives the process: lines that were written and are not accepted
/// by the peer, and how far the peer's lines are accepted here. One store serves all links of a process.
/// </summary>
/// <remarks>
/// <para>
/// Batches come one at a time and in order, on a thread for stores alone, and under no lock. A store that is slow, or
/// blocks, delays the records that its links must keep, and nothing else. With a <see cref="LinkOptions.Scheduler"/>
/// other than the default one, calls come on its thread.
/// </para>
/// <para>
/// A batch that fails is written again, alone or with others, with pauses from 100 ms to 10 s, until it is kept. So a
/// record may come twice, and the second must change nothing (each record states the result, not a difference).
/// Meanwhile the links whose records failed are down (<see cref="OutageReason.StoreFailed"/>). All promises still hold.
/// </para>
/// <para>
/// What a store gives is checked: a line that could not be written, a position that does not rise or a number that is
/// out of range is a <see cref="SessionStoreException"/> (<see cref="SessionStoreFault.Damaged"/>), and nothing of that
/// answer is used.
/// </para>
/// <para>Test your own store with the contract checks of Rx.IotLink.Testing (<c>SessionStoreContract</c>).</para>
/// </remarks>
public interface ISessionStore
{
    /// <summary>
    /// Claims the memory of a device for this process. From now on only this claim may write it; an earlier claim is
    /// fenced out.
    /// </summary>
    /// <param name="id">The device's id. An id that has no memory yet gets an empty one.</param>
    /// <param name="cancellationToken">Cancelled when the claim is no longer needed.</param>
    /// <exception cref="SessionStoreException">
    /// The store cannot be used. A client does not start; a server refuses the device, which tries again.
    /// </exception>
    ValueTask<ClaimedSession> ClaimAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>
    /// Keeps a batch durably: all of it, in its order, or nothing. Records of claims that are fenced out are left out
    /// of it.
    /// </summary>
    /// <param name="batch">
    /// The records, those of one claim in their order. Not empty. Valid until the task has ended.
    /// </param>
    /// <param name="cancellationToken">Cancelled when the result is no longer needed.</param>
    /// <returns>The claims of the batch that are fenced out; empty if there are none.</returns>
    /// <exception cref="SessionStoreException">Nothing of the batch is kept; it will be written again.</exception>
    ValueTask<IReadOnlyCollection<SessionClaim>> WriteAsync(IReadOnlyList<SessionWrite> batch, CancellationToken cancellationToken = default);

    /// <summary>
    /// Whether other processes may claim memories of this store, too. Then a server asks
    /// <see cref="IsFencedOutAsync"/> when a device comes back to it. Default: false.
    /// </summary>
    bool IsShared => false;

    /// <summary>
    /// Whether a later claim has fenced this one out. Asked when <see cref="IsShared"/>: a device that was at another
    /// server meanwhile must not find the memory that it left here. Default: false.
    /// </summary>
    /// <param name="claim">The claim.</param>
    /// <param name="cancellationToken">Cancelled when the answer is no longer needed.</param>
    /// <exception cref="SessionStoreException">
    /// The store cannot be used. The server refuses the device, which tries again.
    /// </exception>
    ValueTask<bool> IsFencedOutAsync(SessionClaim claim, CancellationToken cancellationToken = default) => new(false);

    /// <summary>Reads lines that wait, oldest first.</summary>
    /// <param name="claim">The claim. A claim that is fenced out reads nothing.</param>
    /// <param name="after">Lines of greater positions than this one are read.</param>
    /// <param name="count">The most lines to read; at least 1.</param>
    /// <param name="cancellationToken">Cancelled when the lines are no longer needed.</param>
    /// <returns>The lines. If they are fewer than <paramref name="count"/>, there are no others now.</returns>
    ValueTask<IReadOnlyList<StoredLine>> ReadLinesAsync(SessionClaim claim, long after, int count, CancellationToken cancellationToken = default);

    /// <summary>
    /// Reads which keys lines have that wait. Asked once for a claim, and only if more lines wait than are read then.
    /// Default: all lines are read for it, in pieces; a store that can find lines with keys does better.
    /// </summary>
    /// <param name="claim">The claim. One that is fenced out reads nothing.</param>
    /// <param name="after">Lines of greater positions than this one count.</param>
    /// <param name="cancellationToken">Nobody waits for the keys any more.</param>
    /// <returns>The lines with keys, without their text, oldest first.</returns>
    async ValueTask<IReadOnlyList<StoredKey>> ReadKeysAsync(SessionClaim claim, long after, CancellationToken cancellationToken = default)
    {
        const int Piece = 4_096;
        var keys = new List<StoredKey>();
        for (var more = true; more;)
        {
            var lines = await ReadLinesAsync(claim, after, Piece, cancellationToken).ConfigureAwait(false);
            foreach (var line in lines)
            {
                if (line.Key is { } key)
                    keys.Add(new(key, line.Position, Protocol.Utf8.ByteCount(line.Text) ?? 0));
                after = line.Position;
            }

            more = lines.Count == Piece;
        }

        return keys;
    }

    /// <summary>
    /// Finds the memories with a great number in <see cref="SessionMemory.Connections"/>. A server asks once, when it
    /// starts, for the devices that sleep, and shows them as <see cref="LinkStatus.Asleep"/>. Default: null.
    /// </summary>
    /// <param name="least">The least number; at least 1.</param>
    /// <param name="cancellationToken">The server stops.</param>
    /// <returns>
    /// The ids, in any order; where other processes may claim memories too, only those that this server has claimed
    /// last. Null: this store cannot find them. Then a server knows that a device sleeps once its link is opened.
    /// </returns>
    /// <exception cref="SessionStoreException">The store cannot be used. The server asks again later.</exception>
    ValueTask<IReadOnlyList<string>?> FindIdsAsync(long least, CancellationToken cancellationToken = default) => new((IReadOnlyList<string>?)null);
}

/// <summary>The right to write the memory of a device.</summary>
/// <param name="Id">The device's id.</param>
/// <param name="Token">Grows with each claim of the id, so that the latest claim can be recognised.</param>
public readonly record struct SessionClaim(string Id, long Token);

/// <summary>A claim, and what is remembered under it.</summary>
/// <param name="Claim">The claim.</param>
/// <param name="Memory">What is remembered. Of an id that was never claimed: <see cref="SessionMemory.Empty"/>.</param>
public sealed record ClaimedSession(SessionClaim Claim, SessionMemory Memory);

/// <summary>One end's memory of a session.</summary>
/// <param name="Epoch">
/// 64 random bits that name this memory (protocol 2), or null if none has begun. Lines may wait in either case.
/// </param>
/// <param name="First">The number of the oldest line that waits, or of the next one if none does. At least 1.</param>
/// <param name="PeerEpoch">The peer's memory that was met last, or null.</param>
/// <param name="Accepted">The number of the last line that was accepted from it.</param>
/// <param name="Connections">
/// At a client: the number of its last connection. At a server: 0, or a number of at least 2^62 that says since when
/// its device sleeps, and for how long.
/// </param>
/// <param name="LastPosition">The greatest position that a line ever had; 0 if there was no line.</param>
/// <param name="Waiting">How many lines wait (<see cref="ISessionStore.ReadLinesAsync"/> gives them).</param>
/// <param name="WaitingBytes">How many bytes of UTF-8 they have together.</param>
public sealed record SessionMemory(
    ulong? Epoch, ulong First, ulong? PeerEpoch, ulong Accepted, ulong Connections, long LastPosition, long Waiting, long WaitingBytes)
{
    /// <summary>Nothing is remembered.</summary>
    public static SessionMemory Empty { get; } = new(
        Epoch: null, First: 1, PeerEpoch: null, Accepted: 0, Connections: 0, LastPosition: 0, Waiting: 0, WaitingBytes: 0);

    /// <summary>Whether nothing was ever kept.</summary>
    internal bool IsEmpty => this is { Epoch: null, Connections: 0, LastPosition: 0 };
}

/// <summary>A line that waits to be accepted by the peer.</summary>
/// <param name="Position">Its place in the order of writing, over the whole life of the memory. At least 1.</param>
/// <param name="Text">The line.</param>
/// <param name="Expires">When it expires, in UTC; null: never.</param>
/// <param name="Key">
/// What it is about, where only the last line counts (<see cref="WriteOptions.Key"/>); or null.
/// </param>
public readonly record struct StoredLine(long Position, string Text, DateTimeOffset? Expires = null, string? Key = null);

/// <summary>A line that waits and has a key.</summary>
/// <param name="Key">The key.</param>
/// <param name="Position">The line's position.</param>
/// <param name="Bytes">How many bytes of UTF-8 its text has.</param>
public readonly record struct StoredKey(string Key, long Position, int Bytes);

/// <summary>A record of one memory.</summary>
/// <param name="Claim">The claim under which it is written.</param>
/// <param name="Record">The state from now on.</param>
public readonly record struct SessionWrite(SessionClaim Claim, SessionRecord Record);

/// <summary>
/// One step of a memory: the state after it. A second time it changes nothing.
/// </summary>
/// <param name="Kind">Which step.</param>
/// <param name="Position">
/// <see cref="SessionRecordKind.Add"/>, <see cref="SessionRecordKind.Remove"/>,
/// <see cref="SessionRecordKind.RemoveThrough"/>: the position of a line. <see cref="SessionRecordKind.Receive"/>: how
/// many lines of the peer this is under the claim, from 1. Otherwise 0.
/// </param>
/// <param name="Number">
/// <see cref="SessionRecordKind.Connect"/>, <see cref="SessionRecordKind.RemoveThrough"/>,
/// <see cref="SessionRecordKind.Accept"/>, <see cref="SessionRecordKind.Receive"/>: the number of a connection or a
/// line. Otherwise 0.
/// </param>
/// <param name="Epoch">
/// <see cref="SessionRecordKind.Begin"/>: the epoch that begins. <see cref="SessionRecordKind.Accept"/>,
/// <see cref="SessionRecordKind.Receive"/>: the peer's.
/// </param>
/// <param name="Text">
/// <see cref="SessionRecordKind.Add"/>, <see cref="SessionRecordKind.Receive"/>: the line.
/// </param>
/// <param name="Expires"><see cref="SessionRecordKind.Add"/>: when it expires, in UTC; null: never.</param>
/// <param name="Key"><see cref="SessionRecordKind.Add"/>: the line's key, or null.</param>
/// <param name="Entry">
/// <see cref="SessionRecordKind.Add"/>: the number that the line had in the store's own outbox of the fleet, which it
/// leaves with this record; 0: it comes from elsewhere. A store without such an outbox ignores it.
/// </param>
public readonly record struct SessionRecord(
    SessionRecordKind Kind, long Position = 0, ulong Number = 0, ulong Epoch = 0, string? Text = null, DateTimeOffset? Expires = null, string? Key = null,
    long Entry = 0)
{
    /// <summary><see cref="SessionRecordKind.Remove"/>: whether the peer has accepted the line.</summary>
    internal bool IsAccepted { get; init; }

    /// <summary>
    /// <see cref="SessionRecordKind.RemoveThrough"/>: the lines among those that the peer will not get; null: none.
    /// </summary>
    internal IReadOnlyList<long>? GivenUp { get; init; }
}

/// <summary>The kinds of <see cref="SessionRecord"/>.</summary>
public enum SessionRecordKind
{
    /// <summary>
    /// A new epoch begins. Numbers begin with 1 again, and the peer is forgotten. Lines that wait stay, and so does the
    /// number of the last connection.
    /// </summary>
    Begin,

    /// <summary>
    /// A client opens a connection with this number: the next number is never lower, also if this connection fails. Or
    /// a server learns that its device sleeps, or is awake again (<see cref="SessionMemory.Connections"/>). A store
    /// keeps the last number, whatever it is.
    /// </summary>
    Connect,

    /// <summary>A line was written. Its position is greater than all before it.</summary>
    Add,

    /// <summary>The line of this position is complete. No number changes.</summary>
    Remove,

    /// <summary>
    /// The peer accepted all lines up to this position; the last of them had this number. The next number,
    /// <see cref="SessionMemory.First"/>, is one greater.
    /// </summary>
    RemoveThrough,

    /// <summary>All lines of the peer's epoch up to this number are accepted; acknowledged once this is kept.</summary>
    Accept,

    /// <summary>
    /// The memory is deleted: a later claim finds nothing. No record follows under this claim. If this record comes
    /// again, the claim is not fenced out. Tokens continue to grow after it.
    /// </summary>
    Forget,

    /// <summary>
    /// A line of the peer, for the inbox of a fleet. It comes in one batch with the record that accepts it. Written
    /// only to a store of this library that has such an inbox, if its options switch it on.
    /// </summary>
    Receive,
}
