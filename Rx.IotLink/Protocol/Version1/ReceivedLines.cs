namespace Rx.IotLink.Protocol.Version1;

/// <summary>
/// Tells new lines from repeated ones. Protocol 1 gives a line one byte of identity, which starts anew when the peer's
/// process does;
/// so a line is also known by its bytes, by the connection it came on, and by whether the peer can still have reason to
/// repeat it.
/// </summary>
/// <remarks>The rules, and why, are in docs/protocol-1.md under "Repeated or restarted".</remarks>
internal sealed class ReceivedLines(TimeSpan timeout)
{
    private const int GroupSize = 8;
    private const int Groups = Mid.Count / GroupSize;

    /// <summary>Lines of earlier connections that are remembered though their id has passed or come again: one round of
    /// ids.</summary>
    private const int MaxDisplaced = Mid.Count;

    private readonly Entry?[] entries = new Entry?[Mid.Count];
    private readonly List<Entry> displaced = [];
    private int connection;
    private TimeSpan connectedAt;

    // Of the lines of this connection, keepalives included: when the first came, when the last did, and since when that
    // one may have been coming.
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

    /// <summary>A line has come to its end, whatever it means.</summary>
    public void Heard(TimeSpan now)
    {
        firstAt ??= now;
        (lastSince, lastAt) = (lastAt, now);
        if (displaced.Count > 0)
            displaced.RemoveAll(IsSettledBy);
    }

    /// <summary>
    /// Settles what the ended connection has proved: a peer that had not got an acknowledgement would have repeated the
    /// line within one timeout, or on a new connection when that was open;
    /// so what was acknowledged three timeouts before a line that came whole will not come again.
    /// </summary>
    public void Disconnect()
    {
        foreach (var entry in entries)
        {
            if (entry is not null && IsSettledBy(entry))
                entry.Settled = true;
        }
    }

    /// <summary>The line that this one repeats, or null: it is new. If it shows that the peer has restarted, what its
    /// earlier process said is forgotten at once, whether the line finds room or not.</summary>
    public Entry? FindRepeated(byte mid, ulong hash)
    {
        if (entries[mid] is { } seen && seen.LastConnection == connection)
            return seen.Hash == hash ? seen : Displaced(mid, hash);
        if (ShowsWhoseZeroItWas(mid, hash))
            Forget();
        var known = entries[mid] is { } earlier && earlier.Hash == hash && !earlier.Settled ? earlier : Displaced(mid, hash);
        if (mid == 0)
        {
            // Only 00 begins a process. It may be taken for that of another one on the strength of how soon the peer is
            // back: the end of the connection before may have come
            // late, held up by the outage that the peer has had, and then the line is a repetition.
            if (known is not null && !zeroFollowed)
                return known;
            if (entries[0] is not null || HeardFromEarlierProcess)
                Forget();
            return null;
        }

        // Any number of ids may be lost in an outage, so an id that comes with another line proves nothing; nor does it
        // mean that an older line is not repeated any more.
        return known is null || IsSettledBy(known) || IsNextOfTheSame(mid, hash) ? null : known;
    }

    /// <summary>Whether the peer was found to have restarted, if that was not asked since: to be told with the next
    /// line that is taken.</summary>
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

    /// <summary>Whether a repetition might as well be a restarted process that begins with the same line.</summary>
    public bool IsDoubtful(Entry entry) => entry is { Mid: 0, AcknowledgedAt: not null } && entry.LastConnection != connection;

    /// <summary>Whether a line that came again is now seen on this connection for the first time.</summary>
    public bool IsFirstHere(Entry entry) => entry.LastConnection != connection;

    /// <summary>A line came again: if it was accepted meanwhile, the acknowledgement must be said again.</summary>
    public bool Repeated(Entry entry)
    {
        entry.LastConnection = connection;
        entry.AcknowledgedAt = null;
        return entry.Accepted;
    }

    /// <summary>The application accepted a line. True: acknowledge it, since the connection it (last) came on is the
    /// present one.</summary>
    public bool Accept(Entry entry, bool connected)
    {
        entry.Accepted = true;
        // An id of an earlier process, or of an earlier connection, may mean another line to the peer by now: it will
        // ask again.
        return connected && entry.LastConnection == connection && ReferenceEquals(entries[entry.Mid], entry);
    }

    /// <summary>The line 00, if it came on this connection.</summary>
    public Entry? Zero => entries[0] is { } zero && zero.LastConnection == connection ? zero : null;

    // Lines that a first connection brought before its lost 00 are young and few; anything else from an earlier
    // connection is of an earlier process.
    private bool HeardFromEarlierProcess => entries.Any(e => e is not null && e.FirstConnection != connection && e.Mid >= SentLines.BurstLines);

    /// <summary>Whether the connection has gone on for so long that the peer has no reason to repeat a line.</summary>
    /// <remarks>
    /// A server is open when it has heard of its client, which speaks when it has heard of its server: as long again as
    /// the first line took. What is repeated then comes one behind the other, so nothing
    /// is proved by a line that was on its way before, and may have others behind it.
    /// </remarks>
    private bool IsSettledBy(Entry entry)
    {
        if (firstAt is not { } first || entry.AcknowledgedAt is not { } at)
            return false;
        var openedAt = first + (first - connectedAt);
        return lastSince - (at > openedAt ? at : openedAt) > 3 * timeout;
    }

    /// <summary>Whether a line shows that the 00 before it was no repetition: that was the first of a process, and the
    /// line is another than those of the process before.</summary>
    private bool ShowsWhoseZeroItWas(byte mid, ulong hash) =>
        mid is > 0 and < SentLines.BurstLines && Zero is { } zero && zero.FirstConnection != connection && entries[mid] is { } other && other.Hash != hash;

    /// <summary>
    /// Whether a line is the next of a stream that says the same again and again: its id follows that of the newest
    /// line, which came on this connection and was the same. A repetition
    /// of an older line stands elsewhere.
    /// </summary>
    private bool IsNextOfTheSame(byte mid, ulong hash) =>
        newestIsOfThisConnection && mid == Mid.After(newest) && entries[newest] is { } last && last.Hash == hash;

    private Entry? Displaced(byte mid, ulong hash) => displaced.Find(e => e.Mid == mid && e.Hash == hash);

    /// <summary>A line loses its place. If the peer may still repeat it, since it does not know that it came, it is
    /// remembered beside the others.</summary>
    private void Displace(Entry entry)
    {
        if (entry.LastConnection == connection || entry.Settled)
            return;
        if (displaced.Count == MaxDisplaced)
            displaced.RemoveAt(0);
        displaced.Add(entry);
    }

    /// <summary>
    /// The ancestor's filter: ids half a round ahead are forgotten in groups of eight, to be new when they come round
    /// again. Unlike the ancestor's,
    /// it counts ids that never came (best effort lost in an outage) as passed, or what is opposite to them would be
    /// known for a round too long.
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
            // What this connection brought and has not seen acknowledged is repeated on it, however many lines the peer
            // sends meanwhile.
            if (entries[mid] is not { } entry || (entry.AcknowledgedAt is null && entry.LastConnection == connection))
                continue;
            Displace(entry);
            entries[mid] = null;
        }
    }

    // After it nothing of an earlier connection is left to differ from, so that a restart is found at most once on
    // each. What was repeated on this connection is of the
    // process that speaks now, and may come again; but a 00 may have been taken for a repetition and be that process's
    // own. Not later than this: the next connection brings the oldest lines first
    // again, and lines of this one that were taken behind them.
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

        /// <summary>When it was acknowledged last, on the connection that it came on last.</summary>
        public TimeSpan? AcknowledgedAt { get; set; }

        public bool Settled { get; set; }

        /// <summary>00: whether the peer said other lines before it can have had the acknowledgement. What follows the
        /// acknowledgement proves nothing then.</summary>
        public bool WasOvertaken { get; set; }
    }
}
