namespace Rx.IotLink.Protocol.Version1;

/// <summary>
/// Tells new lines from repeated ones. Protocol 1 gives a line one byte of identity, which starts anew when the peer's process does;
/// so a line is also known by its bytes, by the connection it came on, and by whether the peer can still have reason to repeat it.
/// </summary>
/// <remarks>The rules, and why, are in docs/protocol-1.md under "Repeated or restarted".</remarks>
internal sealed class ReceivedLines(TimeSpan timeout)
{
    private const int GroupSize = 8;
    private const int Groups = Mid.Count / GroupSize;

    private readonly Entry?[] entries = new Entry?[Mid.Count];
    private int connection;
    private TimeSpan connectedAt;

    // Of the lines of this connection, keepalives included: when the first came, when the last did, and since when that one may have been coming.
    private TimeSpan? firstAt;
    private TimeSpan lastAt;
    private TimeSpan lastSince;
    private byte newest;
    private bool zeroFollowed;
    private byte? restartShownBy;

    public void Connect(TimeSpan now)
    {
        connection++;
        connectedAt = lastAt = lastSince = now;
        firstAt = null;
    }

    /// <summary>A line has come to its end, whatever it means.</summary>
    public void Heard(TimeSpan now)
    {
        firstAt ??= now;
        (lastSince, lastAt) = (lastAt, now);
    }

    /// <summary>
    /// Settles what the ended connection has proved: a peer that had not got an acknowledgement would have repeated the line within one timeout, or on a new connection when that was open;
    /// so what was acknowledged three timeouts before a line that came whole will not come again.
    /// </summary>
    /// <remarks>
    /// A server is open when it has heard of its client, which speaks when it has heard of its server: as long again as the first line took. What is repeated then comes one behind the other, so nothing
    /// is proved by a line that was on its way before, and may have others behind it.
    /// </remarks>
    public void Disconnect()
    {
        if (firstAt is not { } first)
            return;
        var openedAt = first + (first - connectedAt);
        foreach (var entry in entries)
        {
            if (entry is { AcknowledgedAt: { } at } && lastSince - (at > openedAt ? at : openedAt) > 3 * timeout)
                entry.Settled = true;
        }
    }

    /// <summary>Whether a line that has come is a repetition, and not a new one. If it shows that the peer has restarted, what its earlier process said is forgotten at once, whether the line finds room or not.</summary>
    public bool IsRepeat(byte mid, ulong hash)
    {
        if (entries[mid] is not { } seen)
        {
            if (mid == 0 && HeardFromEarlierProcess)
                Forget(shownBy: mid);
            return false;
        }

        if (seen.LastConnection == connection)
            return seen.Hash == hash;
        // Only 00 may be taken for that of another process on the strength of how soon the peer is back: the end of the connection before may have come
        // late, held up by the outage that the peer has had, and then the line is a repetition.
        if (seen.Hash == hash && !seen.Settled && !(mid == 0 && zeroFollowed))
            return true;
        Forget(shownBy: mid);
        return false;
    }

    /// <summary>The line that has shown that the peer has restarted, if that was not asked since: to be told with the next line that is taken.</summary>
    public byte? TakeRestart()
    {
        var shownBy = restartShownBy;
        restartShownBy = null;
        return shownBy;
    }

    /// <summary>Remembers a new line.</summary>
    public Entry Add(byte mid, ulong hash)
    {
        Pass(mid);
        zeroFollowed = mid != 0 && (zeroFollowed || entries[0]?.AcknowledgedAt is not null);
        return entries[mid] = new Entry(mid, hash) { LastConnection = connection };
    }

    /// <summary>Whether a repetition might as well be a restarted process that begins with the same line.</summary>
    public bool IsDoubtful(byte mid) => mid == 0 && entries[0] is { AcknowledgedAt: not null } zero && zero.LastConnection != connection;

    /// <summary>A line came again: if it was accepted meanwhile, the acknowledgement must be said again.</summary>
    public bool Repeated(byte mid, TimeSpan now)
    {
        var entry = entries[mid]!;
        entry.LastConnection = connection;
        entry.AcknowledgedAt = entry.Accepted ? now : null;
        return entry.Accepted;
    }

    /// <summary>The application accepted a line. True: acknowledge it, since the connection it (last) came on is the present one.</summary>
    public bool Accept(Entry entry, bool connected, TimeSpan now)
    {
        entry.Accepted = true;
        // An id of an earlier process, or of an earlier connection, may mean another line to the peer by now: it will ask again.
        if (!connected || entry.LastConnection != connection || !ReferenceEquals(entries[entry.Mid], entry))
            return false;
        entry.AcknowledgedAt = now;
        return true;
    }

    // Lines that a first connection brought before its lost 00 are young and few; anything else from an earlier connection is of an earlier process.
    private bool HeardFromEarlierProcess => entries.Any(e => e is not null && e.FirstConnection != connection && e.Mid >= SentLines.BurstLines);

    /// <summary>
    /// The ancestor's filter: ids half a round ahead are forgotten in groups of eight, to be new when they come round again. Unlike the ancestor's,
    /// it counts ids that never came (best effort lost in an outage) as passed, or what is opposite to them would be known for a round too long.
    /// </summary>
    private void Pass(byte mid)
    {
        var ahead = Mid.Distance(newest, mid) < Mid.Count / 2;
        for (var group = (ahead ? newest : mid) >> 3; ; group = (group + 1) % Groups)
        {
            ForgetGroup((group + (Groups / 2)) % Groups);
            if (group == mid >> 3)
                break;
        }

        newest = mid;
    }

    private void ForgetGroup(int group)
    {
        for (var mid = group * GroupSize; mid < (group + 1) * GroupSize; mid++)
        {
            // What this connection brought and has not seen acknowledged is repeated on it, however many lines the peer sends meanwhile.
            if (entries[mid] is not { AcknowledgedAt: null } entry || entry.LastConnection != connection)
                entries[mid] = null;
        }
    }

    // After it nothing of an earlier connection is left to differ from, so that a restart is found at most once on each. What was repeated on this connection is of the
    // process that speaks now, and may come again; but a 00 may have been taken for a repetition and be that process's own. Not later than this: the next connection brings the oldest lines first
    // again, and lines of this one that were taken behind them.
    private void Forget(byte shownBy)
    {
        restartShownBy = shownBy;
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

        public TimeSpan? AcknowledgedAt { get; set; }

        public bool Settled { get; set; }
    }
}
