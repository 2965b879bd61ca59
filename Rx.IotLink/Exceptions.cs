namespace Rx.IotLink;

/// <summary>The link was closed; it no longer delivers lines that were not accepted before.</summary>
public sealed class LinkClosedException : IOException
{
    /// <summary>Says which link.</summary>
    public LinkClosedException(string id, string detail)
        : base($"Link '{id}' is closed: {detail}") => Id = id;

    /// <summary>The id of the link.</summary>
    public string Id { get; }
}

/// <summary>The link is not up, and what was asked for needs a connection.</summary>
public sealed class LinkDownException : IOException
{
    /// <summary>Says which link and why.</summary>
    public LinkDownException(string id, LinkState state)
        : base($"Link '{id}' is not up: {state}") => (Id, State) = (id, state);

    /// <summary>The id of the link.</summary>
    public string Id { get; }

    /// <summary>Its state.</summary>
    public LinkState State { get; }
}

/// <summary>
/// The link will never be up: its first connection failed, and <see cref="FirstConnection.Fail"/> says not to try
/// again.
/// </summary>
public sealed class LinkRefusedException : IOException
{
    /// <summary>Says which link and why.</summary>
    public LinkRefusedException(string id, Outage outage)
        : base($"Link '{id}' was refused: {outage}") => (Id, Outage) = (id, outage);

    /// <summary>The id of the link.</summary>
    public string Id { get; }

    /// <summary>Why.</summary>
    public Outage Outage { get; }
}

/// <summary>
/// A write was cancelled; <see cref="WasSent"/> says what happened to its line. If it is true and the line is written
/// again, the line may arrive twice.
/// </summary>
public sealed class WriteCancelledException : OperationCanceledException
{
    /// <summary>Says which link, and whether the line was sent.</summary>
    public WriteCancelledException(string id, bool wasSent, CancellationToken cancellationToken)
        : base($"A write to link '{id}' was cancelled: {(wasSent ? "the line was sent before, and may have arrived, or may still arrive" : "the line was taken back, and does not arrive")}.", cancellationToken) =>
        (Id, WasSent) = (id, wasSent);

    /// <summary>The id of the link.</summary>
    public string Id { get; }

    /// <summary>
    /// False: the line was taken back before it was sent, and does not arrive. True: the line was sent, and may have
    /// arrived or may still arrive.
    /// </summary>
    /// <remarks>
    /// With a session store the writer gets this exception at once, and the line is removed from the store as soon as
    /// that works. If this process dies before, the next process with the store sends the line all the same.
    /// </remarks>
    public bool WasSent { get; }
}

/// <summary>More lines wait to be sent than the options allow.</summary>
public sealed class OutboxFullException : InvalidOperationException
{
    /// <summary>Says which link and limit.</summary>
    public OutboxFullException(string id, string limit, long most, string unit = "lines")
        : base($"The outbox of link '{id}' is full: {limit} is {most} {unit}.") => Id = id;

    /// <summary>The id of the link.</summary>
    public string Id { get; }
}

/// <summary>
/// A line was taken, but can never be sent: it breaks a rule of the peer that was not known before, such as the longest
/// line.
/// </summary>
public sealed class InvalidLineException : InvalidOperationException
{
    /// <summary>Says which link and rule.</summary>
    public InvalidLineException(string id, string rule)
        : base($"Link '{id}' gave up {rule}.") => Id = id;

    /// <summary>The id of the link.</summary>
    public string Id { get; }
}

/// <summary>
/// A line was dropped before it was sent, as its <see cref="WriteOptions"/> or the options of its link ask for. It
/// does not arrive.
/// </summary>
public abstract class LineDroppedException : IOException
{
    private protected LineDroppedException(string id, string detail)
        : base($"A line of link '{id}' was dropped before it was sent: {detail}.") => Id = id;

    /// <summary>The id of the link.</summary>
    public string Id { get; }
}

/// <summary>A line was dropped because it had waited for too long, and was not sent. It does not arrive.</summary>
public sealed class LineExpiredException : LineDroppedException
{
    /// <summary>Says which link and limit, and how long the line waited.</summary>
    public LineExpiredException(string id, string limit, TimeSpan most, TimeSpan waited)
        : base(id, $"it waited for {Seconds(waited)} s, and {limit} is {Seconds(most)} s") =>
        (Limit, Most, Waited) = (limit, most, waited);

    /// <summary>
    /// The option that was the limit: <see cref="WriteOptions.TimeToLive"/> or <see cref="LinkOptions.StoredFor"/>.
    /// </summary>
    public string Limit { get; }

    /// <summary>How long it may have waited.</summary>
    public TimeSpan Most { get; }

    /// <summary>How long it did wait.</summary>
    public TimeSpan Waited { get; }

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("0.###", System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>
/// A line was dropped because a newer line of the same <see cref="WriteOptions.Key"/> was written before it was sent.
/// It does not arrive.
/// </summary>
public sealed class LineReplacedException : LineDroppedException
{
    /// <summary>Says which link and key.</summary>
    public LineReplacedException(string id, string key)
        : base(id, $"a newer line of key '{Protocol.Printable.Of(key)}' took its place") => Key = key;

    /// <summary>The key.</summary>
    public string Key { get; }
}

/// <summary>
/// A session store cannot be used, or could not keep its records. The message names the store, what is wrong and what
/// to do.
/// </summary>
public class SessionStoreException : IOException
{
    /// <summary>Says which store, what is wrong, and what to do.</summary>
    /// <param name="store">The store: its file, or another name. It must not contain a secret.</param>
    /// <param name="fault">What is wrong.</param>
    /// <param name="detail">
    /// The rest of a sentence that begins with the store: what is wrong, with the limit or the rule.
    /// </param>
    /// <param name="remedy">A sentence that says what to do.</param>
    /// <param name="cause">The exception of the library below.</param>
    public SessionStoreException(string store, SessionStoreFault fault, string detail, string remedy, Exception? cause = null)
        : base($"The session store {store} {detail}. {remedy}", cause) => (Store, Fault) = (store, fault);

    /// <summary>The store: its file, or another name.</summary>
    public string Store { get; }

    /// <summary>What is wrong.</summary>
    public SessionStoreFault Fault { get; }
}

/// <summary>What is wrong with a session store.</summary>
public enum SessionStoreFault
{
    /// <summary>It cannot be reached, or failed for a reason that may be temporary. Trying again may help.</summary>
    Unavailable,

    /// <summary>There is no room. The store works again by itself when there is room.</summary>
    Full,

    /// <summary>It cannot be written: a read-only file, folder or file system, or missing rights.</summary>
    ReadOnly,

    /// <summary>Another process uses it.</summary>
    InUse,

    /// <summary>Its content is damaged, or was not written by a session store.</summary>
    Damaged,

    /// <summary>A newer version of this library wrote it.</summary>
    NewerVersion,
}
