using Rx.IotLink.Protocol;

namespace Rx.IotLink;

/// <summary>Something an application should know that is not a change of state.</summary>
/// <param name="Kind">What kind of thing.</param>
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
    /// The peer's process started anew and remembers nothing: what it had written and was not accepted is gone, and a
    /// line of ours that it accepted just before may be given to it again.
    /// </summary>
    PeerRestarted,

    /// <summary>
    /// The first line of an earlier connection came again, and was taken for a repetition and not handed on (protocol 1
    /// cannot always tell: docs/protocol-1.md).
    /// </summary>
    RepetitionAssumed,

    /// <summary>
    /// The peer remembers nothing of this end's session (protocol 2): all that was not acknowledged is sent again, and
    /// a line that was in flight at that moment may be seen twice.
    /// </summary>
    SessionNotResumed,

    /// <summary>
    /// Lines were lost at the peer, which held them and holds them no more (protocol 2). The detail says which.
    /// </summary>
    LinesLost,

    /// <summary>
    /// This end's memory is older than what the peer has seen of it: an old backup was restored (protocol 2). It begins
    /// a new epoch.
    /// </summary>
    MemoryRolledBack,

    /// <summary>
    /// A written line can never be sent: it breaks a rule of the peer's, such as its longest line. Its writer is told
    /// as well.
    /// </summary>
    LineImpossible,

    /// <summary>
    /// An attempt to connect failed; the next follows after the back-off. Or the network could not be brought down
    /// before it.
    /// </summary>
    ConnectFailed,

    /// <summary>
    /// An attempt to connect failed, as <see cref="ConnectFailed"/>, because the server did not prove that it knows
    /// this device's key: it has another one, or none, or is an impostor. One such attempt is no alarm while the server
    /// replaces the key by another: the next one meets the right one.
    /// </summary>
    PeerNotProven,

    /// <summary>
    /// The device's id came from another network address than before. Protocol 1 has no keys: it may be another device.
    /// </summary>
    AddressChanged,

    /// <summary>A line written through <see cref="ILink.Writer"/> was dropped because the outbox was full.</summary>
    LineDropped,

    /// <summary>
    /// An observer threw; its subscription has ended, the others go on. The detail says of which stream, and whether
    /// anybody is left who observes the lines: if not, further lines wait unread, and their writers with them. One
    /// subscription to several links (<c>SelectMany</c>, <c>Merge</c>) ends for all of them, and only the link whose
    /// value it threw at tells it: subscribe to each link by itself.
    /// </summary>
    ObserverFailed,

    /// <summary>
    /// The session store failed, or has not answered for <see cref="LinkOptions.Timeout"/>. Told once until it works
    /// again. What it was to keep is tried again, and nothing is sent or acknowledged
    /// that depends on it; where it failed, the connection ends (<see cref="OutageReason.StoreFailed"/>), and the next
    /// is made when it works.
    /// </summary>
    StoreFailed,

    /// <summary>A source that fed <see cref="ILink.Writer"/> ended with an error.</summary>
    SourceFailed,

    /// <summary>
    /// The session store works again, after <see cref="StoreFailed"/>: all that it was to keep is kept.
    /// </summary>
    StoreWorks,

    /// <summary>
    /// An observer of the lines has not returned from <c>OnNext</c> for <see cref="LinkOptions.SlowObserverAfter"/>:
    /// until it does, no further line of this link is handed out or acknowledged. Told once for each line that is held
    /// so long. If it waits there for a write of this link, and the peer's observer does the same, both wait for ever.
    /// </summary>
    ObserverSlow,

    /// <summary>
    /// Client: the server refused this device without saying when to come again, or said that another connection took
    /// its place. That it did is its word alone, which nobody has to believe: the next attempt follows after
    /// <see cref="BackOff.Cap"/>, less its random part, and so on until somebody closes the link. The detail says what
    /// the server said.
    /// </summary>
    Refused,

    /// <summary>
    /// A handler of requests (<c>Respond</c>) failed. The peer was told <see cref="RespondOptions.ErrorText"/>, which
    /// says nothing of the exception unless asked to.
    /// </summary>
    HandlerFailed,
}
