using Rx.IotLink.Protocol;

namespace Rx.IotLink;

/// <summary>An event that an application should know and that is not a change of state.</summary>
/// <param name="Kind">The kind of event.</param>
/// <param name="Detail">
/// A sentence for people. What it quotes of others is escaped: it is one line, of printable characters.
/// </param>
/// <param name="Error">The exception, where there is one.</param>
public sealed record LinkNotice(LinkNoticeKind Kind, string Detail, Exception? Error = null)
{
    /// <summary>
    /// A sentence for people. What it quotes of others is escaped: it is one line, of printable characters.
    /// </summary>
    public string Detail { get; init; } = Printable.Message(Detail);
}

/// <summary>The kinds of <see cref="LinkNotice"/>.</summary>
public enum LinkNoticeKind
{
    /// <summary>
    /// The peer's process started again and remembers nothing. Lines that it had written and that were not accepted are
    /// gone. A line of ours that it accepted just before may come to it again.
    /// </summary>
    PeerRestarted,

    /// <summary>
    /// The first line of an earlier connection came again. The link took it for a repetition and did not deliver it
    /// (protocol 1 cannot always be sure: docs/protocol-1.md).
    /// </summary>
    RepetitionAssumed,

    /// <summary>
    /// The peer remembers nothing of this end's session (protocol 2). All lines that were not acknowledged are sent
    /// again, and a line that was in flight at that moment may be seen twice.
    /// </summary>
    SessionNotResumed,

    /// <summary>
    /// The peer has lost lines that it had written (protocol 2). The detail says which.
    /// </summary>
    LinesLost,

    /// <summary>
    /// The peer knows newer lines of this end than this end's memory: an old backup was restored (protocol 2). This end
    /// begins a new epoch.
    /// </summary>
    MemoryRolledBack,

    /// <summary>
    /// A written line can never be sent: it breaks a rule of the peer, such as the longest line. Its write fails as
    /// well.
    /// </summary>
    LineImpossible,

    /// <summary>
    /// An attempt to connect failed; the next follows after the back-off. Or the network could not be switched off
    /// before it.
    /// </summary>
    ConnectFailed,

    /// <summary>
    /// An attempt to connect failed, as <see cref="ConnectFailed"/>, because the server did not prove that it knows
    /// this device's key: it has another key, or none, or is an impostor. One such notice is harmless while the
    /// server's key is replaced: the next attempt uses the right key.
    /// </summary>
    PeerNotProven,

    /// <summary>
    /// The device's id came from another network address than before. Protocol 1 has no keys: it may be another device.
    /// </summary>
    AddressChanged,

    /// <summary>A line written through <see cref="ILink.Writer"/> was dropped because the outbox was full.</summary>
    LineDropped,

    /// <summary>
    /// An observer threw; its subscription has ended, and the others continue. The detail names the stream, and says
    /// whether the lines still have an observer. If not, further lines wait unread, and so do their writers. One
    /// subscription to several links (<c>SelectMany</c>, <c>Merge</c>) ends for all of them, and only the link that
    /// sent the value reports it. So subscribe to each link by itself.
    /// </summary>
    ObserverFailed,

    /// <summary>
    /// The session store failed, or has not answered for <see cref="LinkOptions.Timeout"/>. Comes once until the store
    /// works again. The link tries again to keep the records, and sends and acknowledges nothing that depends on them.
    /// If the store failed, the connection ends (<see cref="OutageReason.StoreFailed"/>), and the next one follows when
    /// the store works.
    /// </summary>
    StoreFailed,

    /// <summary>A source that fed <see cref="ILink.Writer"/> ended with an error.</summary>
    SourceFailed,

    /// <summary>
    /// The session store works again, after <see cref="StoreFailed"/>; all records are kept.
    /// </summary>
    StoreWorks,

    /// <summary>
    /// An observer of the lines has not returned from <c>OnNext</c> for <see cref="LinkOptions.SlowObserverAfter"/>:
    /// until it does, no further line of this link is handed out or acknowledged. Comes once for each such line. If it
    /// waits there for a write of this link, and the peer's observer does the same, both wait for ever.
    /// Or a line of <see cref="ILink.Received"/> was not accepted for so long: no line behind it is acknowledged.
    /// </summary>
    ObserverSlow,

    /// <summary>
    /// Client: the server refused this device without a time to try again, or another connection took its place. The
    /// message may come from an impostor, so it is not final: the next attempt follows after <see cref="BackOff.Cap"/>,
    /// less its random part, and so on until the link is closed. The detail has the server's text.
    /// </summary>
    Refused,

    /// <summary>
    /// A handler of requests (<c>Respond</c>) failed. The peer gets the text of <see cref="RespondOptions.ErrorText"/>,
    /// which by default does not contain the exception.
    /// </summary>
    HandlerFailed,

    /// <summary>
    /// Lines had waited for too long to be sent, and were dropped (<see cref="WriteOptions.TimeToLive"/>,
    /// <see cref="LinkOptions.StoredFor"/>). One notice for all lines that were dropped at a time. A writer who still
    /// waits gets <see cref="LineExpiredException"/>.
    /// </summary>
    LinesExpired,
}
