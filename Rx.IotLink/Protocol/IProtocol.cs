using System.Buffers;

namespace Rx.IotLink.Protocol;

/// <summary>
/// One end of one link in one version of the wire protocol: bytes in, bytes and events out. It lives as long as the
/// link, through all its connections, and is a pure state machine: it is told the time, and the same calls give the
/// same answers.
/// </summary>
/// <remarks>
/// Calls are serial (the link makes them under its lock). What it has to say goes to the output given by
/// <see cref="Connect"/> and to its <see cref="IProtocolHost"/>.
/// </remarks>
internal interface IProtocol
{
    /// <summary>Whether the peer needs each line in a send of its own.</summary>
    bool OneSendPerLine { get; }

    /// <summary>Whether keepalives are due at a fixed rate, or only when nothing else was sent.</summary>
    bool KeepaliveAlways { get; }

    /// <summary>
    /// How long a client must be silent after its last connection, whether lines flowed on it or not, before it
    /// connects again.
    /// </summary>
    TimeSpan QuietTime { get; }

    /// <summary>
    /// When <see cref="Elapse"/> wants to be called next, or null. It may move later, or away, at any time.
    /// </summary>
    TimeSpan? Deadline { get; }

    /// <summary>Silence after which an outage is declared, once lines flow.</summary>
    TimeSpan Timeout { get; }

    /// <summary>Whether <see cref="Send"/> would say something that is not in the output yet.</summary>
    bool WantsToSend { get; }

    /// <summary>A connection was made (client), or the peer has said who it is (server: its opening).</summary>
    void Connect(IBufferWriter<byte> output, TimeSpan now, PeerOpening? opening);

    /// <summary>
    /// Bytes arrived. What follows the returned position is an unfinished line, to be given again with what comes next.
    /// </summary>
    /// <exception cref="ProtocolException">
    /// The peer broke the protocol. Complete lines before the offender have been taken.
    /// </exception>
    SequencePosition Receive(in ReadOnlySequence<byte> bytes, TimeSpan now);

    /// <summary>The connection has ended.</summary>
    void Disconnect(TimeSpan now);

    /// <summary>Sends what may be sent: a line was put into the outbox, or there is room in the output again.</summary>
    void Send(TimeSpan now);

    /// <summary>
    /// What was said so far is being given to the connection. Only one such piece is under way at a time.
    /// </summary>
    void Handed();

    /// <summary>The connection has taken what it was given. Also called where it was given nothing.</summary>
    void Taken(TimeSpan now);

    /// <summary>
    /// The application has accepted the oldest line that was delivered to the host and not accepted yet.
    /// </summary>
    void Accept(TimeSpan now);

    /// <summary>
    /// All that was given to <see cref="IProtocolHost.Save"/> up to this place is kept: says what waited for it.
    /// </summary>
    void Saved(long upTo, TimeSpan now);

    /// <summary>No line is sent under a new number before this record is kept: it decides about the numbers.</summary>
    void SendAfter(long record);

    /// <summary>Says that this end lives.</summary>
    void Keepalive();

    /// <summary>Says farewell, if the protocol has a word for it: this end leaves on purpose.</summary>
    void Bye(string text);

    /// <summary>
    /// What is wrong with a line of this length that is to be written, as the rest of a sentence; or null. May be asked
    /// at any time.
    /// </summary>
    string? Fault(int bytes);

    /// <summary>Time has passed: does what was due by now.</summary>
    void Elapse(TimeSpan now);

    /// <summary>Bytes of lines that have come and are held, since they are not to be delivered yet.</summary>
    int HeldBytes { get; }

    /// <summary>Every line that was taken from the outbox and is not finished, oldest first.</summary>
    IEnumerable<OutLine> Unfinished { get; }

    /// <summary>
    /// Gives the unfinished lines up: the peer speaks another version, whose protocol takes them over. What was
    /// received is remembered, for the peer may come back to this one.
    /// </summary>
    IReadOnlyList<OutLine> Surrender();
}

/// <summary>
/// What a protocol tells its link. Calls come from inside the calls to <see cref="IProtocol"/> and must only take note.
/// </summary>
internal interface IProtocolHost
{
    /// <summary>Lines flow both ways from now on, until the connection ends.</summary>
    void Opened();

    /// <summary>A keepalive was heard.</summary>
    void Heartbeat();

    /// <summary>
    /// A line of the peer, which waits for <see cref="IProtocol.Accept"/>. False: there is no room, the line must not
    /// be acknowledged.
    /// </summary>
    /// <param name="utf8">Its text: valid UTF-8, to be copied.</param>
    /// <param name="delivery">The promise it was written with, as far as the wire tells.</param>
    bool TryDeliver(ReadOnlySpan<byte> utf8, Delivery delivery);

    /// <summary>Whether the link may hold so many bytes more.</summary>
    bool HasRoomFor(int bytes);

    /// <summary>A line of the peer was not taken, and is left to come again.</summary>
    void Withheld();

    /// <summary>The peer repeated a line that had arrived before.</summary>
    void DuplicateReceived();

    /// <summary>
    /// Something is to be kept that outlives the process. Gives its place in the order of all that is: <see
    /// cref="IProtocol.Saved"/> tells when it is kept, and what depends on it is said only then.
    /// Not called where nothing is kept.
    /// </summary>
    long Save(in SessionRecord record);

    /// <summary>A line is done with: accepted by the peer (exactly once), or sent (best effort).</summary>
    void Finished(OutLine line);

    /// <summary>A line was sent again.</summary>
    void Repeated();

    /// <summary>A line can never be sent: it breaks a rule of the peer's.</summary>
    void Impossible(OutLine line, string fault);

    /// <summary>Whether the output can take more lines: what it holds is still to be sent.</summary>
    bool HasRoomToSend { get; }

    /// <summary>Something the application should know.</summary>
    void Notify(LinkNoticeKind kind, string detail);

    /// <summary>The peer knows only another version: it is to be spoken from the next connection on.</summary>
    void FallBack(int version);

    /// <summary>
    /// The connection must end, once what was said is sent. No more than that: nothing that a peer says ends a link.
    /// </summary>
    void EndConnection(Outage outage);
}

/// <summary>What a server has learned of a connection before its link serves it.</summary>
/// <param name="Id">The device's name.</param>
/// <param name="Version">The version of the protocol it speaks.</param>
internal abstract record PeerOpening(string Id, int Version)
{
    /// <summary>Tells the key that it has proved from others, without holding it; 0: it has proved none.</summary>
    public ulong KeyMark { get; init; }
}

/// <summary>Makes a protocol of a version.</summary>
internal delegate IProtocol CreateProtocol(int version, Outbox outbox, IProtocolHost host);

/// <summary>Which end of the connection this is.</summary>
internal enum Role
{
    /// <summary>The one that connects and speaks first.</summary>
    Client,

    /// <summary>The one that listens.</summary>
    Server,
}

/// <summary>The peer broke the protocol; the message names the rule and the offender.</summary>
internal class ProtocolException(string message) : Exception(message);

/// <summary>A line is longer than its limit.</summary>
internal sealed class LineTooLongException(string message) : ProtocolException(message);
