namespace Rx.IotLink.Protocol.Version1;

/// <summary>
/// Distinguishes new lines from repeated ones. Protocol 1 gives a line an id of one byte, which starts again with the
/// peer's process. So a line is also recognised by its bytes, by the connection on which it came, and by whether the
/// peer may still have a reason to repeat it.
/// </summary>
/// <remarks>The rules, and why, are in docs/protocol-1.md under "Repeated or restarted".</remarks>
internal sealed class ReceivedLines(TimeSpan timeout)
{
    private const int GroupSize = 8;
    private const int Groups = Mid.Count / GroupSize;

    /// <summary>
    /// The most lines of earlier connections that are remembered although their id has passed or come again: one round
    /// of ids.
    /// </summary>
    private const int MaxDisplaced = Mid.Count;

    private readonly Entry?[] entries = new Entry?[Mid.Count];
    private readonly List<Entry> displaced = [];
    private int connection;
    private TimeSpan connectedAt;

    // For the lines of this connection, with keepalives: when the first came, when the last came, and when the last may
    // have begun to arrive.
    private TimeSpan? firstAt;
    private TimeSpan lastAt;
    private TimeSpan lastSince;
    private byte newest;
    private bool newestIsOfThisConnection;
    private bool zeroFollowed;
    private bool restarted;

    public void Connect(TimeSpan now)
    {
        connection++;
        connectedAt = lastAt = lastSince = now;
        firstAt = null;
        newestIsOfThisConnection = false;
    }

    /// <summary>A complete line has arrived, whatever it means.</summary>
    public void Heard(TimeSpan now)
    {
        firstAt ??= now;
        (lastSince, lastAt) = (lastAt, now);
        if (displaced.Count > 0)
            displaced.RemoveAll(IsSettledBy);
    }

    /// <summary>
    /// Settles the lines that the ended connection has proved. A peer without an acknowledgement would have repeated
    /// the line within one timeout, or on a new connection when that was open. So a line that was acknowledged three
    /// timeouts before another line came whole will not come again.
    /// </summary>
    public void Disconnect()
    {
        foreach (var entry in entries)
        {
            if (entry is not null && IsSettledBy(entry))
                entry.Settled = true;
        }
    }

    /// <summary>
    /// The line that this one repeats, or null: it is new. If it shows that the peer has restarted, the lines of the
    /// earlier process are forgotten at once, whether the line finds room or not.
    /// </summary>
    public Entry? FindRepeated(byte mid, ulong hash)
    {
        if (entries[mid] is { } seen && seen.LastConnection == connection)
            return seen.Hash == hash ? seen : Displaced(mid, hash);
        if (ShowsWhoseZeroItWas(mid, hash))
            Forget();
        var known = entries[mid] is { } earlier && earlier.Hash == hash && !earlier.Settled ? earlier : Displaced(mid, hash);
        if (mid == 0)
        {
            // Only 00 begins a process. A quick return of the peer does not prove a new process: the end of the
            // previous connection may have come late, because of the peer's outage. Then the line is a repetition.
            if (known is not null && !zeroFollowed)
                return known;
            if (entries[0] is not null || HeardFromEarlierProcess)
                Forget();
            return null;
        }

        // Any number of ids may be lost in an outage. So an id that comes with another line proves nothing, and an
        // older line may still be repeated.
        return known is null || IsSettledBy(known) || IsNextOfTheSame(mid, hash) ? null : known;
    }

    /// <summary>Whether the peer has restarted since the last call. The next line that is taken reports it.</summary>
    public bool TakeRestart()
    {
        var found = restarted;
        restarted = false;
        return found;
    }

    /// <summary>Remembers a new line.</summary>
    public Entry Add(byte mid, ulong hash)
    {
        if (entries[mid] is { } before)
            Displace(before);
        Pass(mid);
        newestIsOfThisConnection = true;
        zeroFollowed = mid != 0 && (zeroFollowed || entries[0] is { AcknowledgedAt: not null, WasOvertaken: false });
        return entries[mid] = new Entry(mid, hash) { LastConnection = connection };
    }

    /// <summary>Whether a repetition may also be a restarted process that begins with the same line.</summary>
    public bool IsDoubtful(Entry entry) => entry is { Mid: 0, AcknowledgedAt: not null } && entry.LastConnection != connection;

    /// <summary>Whether a line that came again is now seen on this connection for the first time.</summary>
    public bool IsFirstHere(Entry entry) => entry.LastConnection != connection;

    /// <summary>A line came again: if it was accepted meanwhile, the acknowledgement must be sent again.</summary>
    public bool Repeated(Entry entry)
    {
        entry.LastConnection = connection;
        entry.AcknowledgedAt = null;
        return entry.Accepted;
    }

    /// <summary>
    /// The application accepted a line. True: acknowledge it, since it (last) came on the current connection.
    /// </summary>
    public bool Accept(Entry entry, bool connected)
    {
        entry.Accepted = true;
        // An id of an earlier process, or of an earlier connection, may mean another line for the peer by now: the peer
        // will repeat the line.
        return connected && entry.LastConnection == connection && ReferenceEquals(entries[entry.Mid], entry);
    }

    /// <summary>The line 00, if it came on this connection.</summary>
    public Entry? Zero => entries[0] is { } zero && zero.LastConnection == connection ? zero : null;

    // Lines that a first connection brought before its lost 00 are recent and few; any other line of an earlier
    // connection is from an earlier process.
    private bool HeardFromEarlierProcess => entries.Any(e => e is not null && e.FirstConnection != connection && e.Mid >= SentLines.BurstLines);

    /// <summary>Whether the connection has gone on for so long that the peer has no reason to repeat a line.</summary>
    /// <remarks>
    /// A server is open when it has received its client's first bytes, and the client sends them when it has received
    /// the server's first line. That takes as long again as the first line took. Repetitions then come one after the
    /// other. So a line that was on its way before proves nothing, since others may follow it.
    /// </remarks>
    private bool IsSettledBy(Entry entry)
    {
        if (firstAt is not { } first || entry.AcknowledgedAt is not { } at)
            return false;
        var openedAt = first + (first - connectedAt);
        return lastSince - (at > openedAt ? at : openedAt) > 3 * timeout;
    }

    /// <summary>
    /// Whether a line shows that the 00 before it was not a repetition but the first line of a new process: the line
    /// differs from those of the process before.
    /// </summary>
    private bool ShowsWhoseZeroItWas(byte mid, ulong hash) =>
        mid is > 0 and < SentLines.BurstLines && Zero is { } zero && zero.FirstConnection != connection && entries[mid] is { } other && other.Hash != hash;

    /// <summary>
    /// Whether a line is the next of a stream that sends the same text again and again: its id follows that of the
    /// newest line, which came on this connection with the same text. A repetition of an older line has another id.
    /// </summary>
    private bool IsNextOfTheSame(byte mid, ulong hash) =>
        newestIsOfThisConnection && mid == Mid.After(newest) && entries[newest] is { } last && last.Hash == hash;

    private Entry? Displaced(byte mid, ulong hash) => displaced.Find(e => e.Mid == mid && e.Hash == hash);

    /// <summary>
    /// A line loses its place. If the peer may still repeat it, since it may have no acknowledgement, the line is
    /// remembered beside the others.
    /// </summary>
    private void Displace(Entry entry)
    {
        if (entry.LastConnection == connection || entry.Settled)
            return;
        if (displaced.Count == MaxDisplaced)
            displaced.RemoveAt(0);
        displaced.Add(entry);
    }

    /// <summary>
    /// The ancestor's filter: ids half a round ahead are forgotten in groups of eight, so that they are new when they
    /// come again. Unlike the ancestor's filter, this one counts ids that never came (best effort lost in an outage) as
    /// passed. Otherwise the opposite ids would stay known for one round too long.
    /// </summary>
    private void Pass(byte mid)
    {
        var ahead = Mid.Distance(newest, mid) < Mid.Count / 2;
        for (var group = (ahead ? newest : mid) >> 3; ; group = (group + 1) % Groups)
        {
            PassGroup((group + (Groups / 2)) % Groups);
            if (group == mid >> 3)
                break;
        }

        newest = mid;
    }

    private void PassGroup(int group)
    {
        for (var mid = group * GroupSize; mid < (group + 1) * GroupSize; mid++)
        {
            // Lines of this connection without an acknowledgement are repeated on it, however many lines the peer sends
            // meanwhile.
            if (entries[mid] is not { } entry || (entry.AcknowledgedAt is null && entry.LastConnection == connection))
                continue;
            Displace(entry);
            entries[mid] = null;
        }
    }

    // After this no line of an earlier connection is left to compare with, so a restart is found at most once on each
    // connection. Lines that were repeated on this connection are from the current process, and may come again. But a
    // 00 that was taken for a repetition may be that process's own. This must happen now: the next connection again
    // brings the oldest lines first, and then the lines of this connection that were taken after them.
    private void Forget()
    {
        restarted = true;
        displaced.Clear();
        for (var mid = 0; mid < Mid.Count; mid++)
        {
            if (entries[mid] is { } entry && (mid == 0 ? entry.FirstConnection : entry.LastConnection) != connection)
                entries[mid] = null;
        }
    }

    /// <summary>A line that was received.</summary>
    public sealed class Entry(byte mid, ulong hash)
    {
        private int lastConnection;

        public byte Mid { get; } = mid;

        public ulong Hash { get; } = hash;

        public int FirstConnection { get; private set; }

        public int LastConnection
        {
            get => lastConnection;
            set
            {
                lastConnection = value;
                FirstConnection = FirstConnection == 0 ? value : FirstConnection;
            }
        }

        public bool Accepted { get; set; }

        /// <summary>When it was last acknowledged, on the connection on which it last came.</summary>
        public TimeSpan? AcknowledgedAt { get; set; }

        public bool Settled { get; set; }

        /// <summary>
        /// 00: whether the peer sent other lines before it could have the acknowledgement. Then later lines prove
        /// nothing.
        /// </summary>
        public bool WasOvertaken { get; set; }
    }
}
