using System.Buffers;

namespace Rx.IotLink.Protocol;

/// <summary>
/// One end of one link in one version of the wire protocol: bytes in, bytes and events out. It exists as long as the
/// link, through all its connections. It is a pure state machine: the caller gives the time, and the same calls give
/// the same answers.
/// </summary>
/// <remarks>
/// Calls are serial (the link makes them under its lock). It writes to the output of <see cref="Connect"/> and calls
/// its <see cref="IProtocolHost"/>.
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
    /// When <see cref="Elapse"/> must be called next, or null. This may change at any call.
    /// </summary>
    TimeSpan? Deadline { get; }

    /// <summary>Silence after which an outage is declared, once lines flow.</summary>
    TimeSpan Timeout { get; }

    /// <summary>Whether <see cref="Send"/> would add something to the output.</summary>
    bool WantsToSend { get; }

    /// <summary>A connection was made (client), or the peer has sent its opening (server).</summary>
    void Connect(IBufferWriter<byte> output, TimeSpan now, PeerOpening? opening);

    /// <summary>
    /// Bytes arrived. Bytes after the returned position are an unfinished line; give them again with the next bytes.
    /// </summary>
    /// <exception cref="ProtocolException">
    /// The peer broke the protocol. Complete lines before the error were taken.
    /// </exception>
    SequencePosition Receive(in ReadOnlySequence<byte> bytes, TimeSpan now);

    /// <summary>
    /// Whether these bytes are no more than a further part of an unfinished line, so that <see cref="Receive"/> would
    /// take nothing of them, and change nothing.
    /// </summary>
    bool IsWithinLine(in ReadOnlySequence<byte> bytes);

    /// <summary>The connection has ended.</summary>
    void Disconnect(TimeSpan now);

    /// <summary>Sends what may be sent: a line was put into the outbox, or there is room in the output again.</summary>
    void Send(TimeSpan now);

    /// <summary>
    /// The output so far is being given to the connection. Only one such piece is in progress at a time.
    /// </summary>
    void Handed();

    /// <summary>The connection has taken its piece. Also called if the piece was empty.</summary>
    void Taken(TimeSpan now);

    /// <summary>
    /// The application has handled all lines up to this one, by the numbers that <see cref="IProtocolHost.TryDeliver"/>
    /// gave: they are accepted.
    /// </summary>
    void Accept(long through, TimeSpan now);

    /// <summary>How many lines were delivered and are not accepted.</summary>
    int Waiting { get; }

    /// <summary>
    /// All records of <see cref="IProtocolHost.Save"/> up to this place are kept: sends what waited for that.
    /// </summary>
    void Saved(long upTo, TimeSpan now);

    /// <summary>
    /// No line gets a new number and is sent before this record is kept, since it decides the numbers.
    /// </summary>
    void SendAfter(long record);

    /// <summary>Sends a keepalive.</summary>
    void Keepalive();

    /// <summary>
    /// Sends what the peer answers at once, and does not show to its application; the answer is reported as
    /// <see cref="IProtocolHost.Answered"/>. False: the protocol has nothing of the kind.
    /// </summary>
    bool Ping() => false;

    /// <summary>Sends a farewell, if the protocol has one: this end leaves on purpose.</summary>
    void Bye(string text);

    /// <summary>
    /// The fault of a line of this length, as the rest of a sentence; null if there is none. May be called at any time.
    /// </summary>
    string? Fault(int bytes);

    /// <summary>Time has passed: does what was due by now.</summary>
    void Elapse(TimeSpan now);

    /// <summary>Bytes of lines that have come and are held, since they may not be delivered yet.</summary>
    int HeldBytes { get; }

    /// <summary>Every line that was taken from the outbox and that the protocol still holds, oldest first.</summary>
    IEnumerable<OutLine> Unfinished { get; }

    /// <summary>How many of them are not done with.</summary>
    int UnfinishedCount { get; }

    /// <summary>
    /// Gives up the unfinished lines: the peer speaks another version, and its protocol takes them over. The memory of
    /// received lines stays, since the peer may come back to this version.
    /// </summary>
    IReadOnlyList<OutLine> Surrender();
}

/// <summary>
/// The calls of a protocol to its link. They come from inside the calls to <see cref="IProtocol"/>, and must only
/// record what they get.
/// </summary>
internal interface IProtocolHost
{
    /// <summary>Lines flow both ways from now on, until the connection ends.</summary>
    void Opened();

    /// <summary>A keepalive was received.</summary>
    void Heartbeat();

    /// <summary>The peer has answered what may have been a <see cref="IProtocol.Ping"/>.</summary>
    void Answered()
    {
    }

    /// <summary>
    /// A line of the peer, which waits for <see cref="IProtocol.Accept"/>. False: there is no room, and the line must
    /// not be acknowledged.
    /// </summary>
    /// <param name="utf8">Its text: valid UTF-8, to be copied.</param>
    /// <param name="delivery">The promise made for it, as far as the wire shows it.</param>
    /// <param name="id">Its name; default: it has no number on the wire.</param>
    /// <param name="line">Its number among all lines that were delivered on this link, from 1.</param>
    bool TryDeliver(ReadOnlySpan<byte> utf8, Delivery delivery, LineId id, out long line);

    /// <summary>Whether the link may hold this many more bytes.</summary>
    bool HasRoomFor(int bytes);

    /// <summary>A line of the peer was not taken, and will come again.</summary>
    void Withheld();

    /// <summary>The peer repeated a line that had arrived before.</summary>
    void DuplicateReceived();

    /// <summary>
    /// Keeps a record in the store. Gives its place among all records: <see cref="IProtocol.Saved"/> reports when it is
    /// kept, and only then is sent what depends on it. Not called without a store.
    /// </summary>
    long Save(in SessionRecord record);

    /// <summary>A line is complete: accepted by the peer (exactly once), or sent (best effort).</summary>
    void Finished(OutLine line);

    /// <summary>
    /// Whether a line that has its number, and that the peer does not have, is given up from now on: its time is over,
    /// or a newer line takes its place, and no writer waits for it.
    /// </summary>
    bool GivesUp(OutLine line) => false;

    /// <summary>A line was sent again.</summary>
    void Repeated();

    /// <summary>A line can never be sent: it breaks a rule of the peer.</summary>
    void Impossible(OutLine line, string fault);

    /// <summary>Whether the output can take more lines, beside those that it still holds.</summary>
    bool HasRoomToSend { get; }

    /// <summary>Sends a notice to the application.</summary>
    void Notify(LinkNoticeKind kind, string detail);

    /// <summary>The peer knows only another version: speak it from the next connection on.</summary>
    void FallBack(int version);

    /// <summary>
    /// The connection must end, once the output is sent. Only the connection: no message of a peer ends a link.
    /// </summary>
    void EndConnection(Outage outage);
}

/// <summary>What a server has learned of a connection before its link serves it.</summary>
/// <param name="Id">The device's name.</param>
/// <param name="Version">The version of the protocol it speaks.</param>
internal abstract record PeerOpening(string Id, int Version)
{
    /// <summary>Identifies the key that it has proved, without holding it; 0: it has proved none.</summary>
    public ulong KeyMark { get; init; }
}

/// <summary>Makes a protocol of a version.</summary>
internal delegate IProtocol CreateProtocol(int version, Outbox outbox, IProtocolHost host, SessionMemory? memory);

/// <summary>Which end of the connection this is.</summary>
internal enum Role
{
    /// <summary>The end that connects and speaks first.</summary>
    Client,

    /// <summary>The end that listens.</summary>
    Server,
}

/// <summary>The peer broke the protocol; the message names the rule and what broke it.</summary>
internal class ProtocolException(string message) : Exception(message);

/// <summary>A line is longer than its limit.</summary>
internal sealed class LineTooLongException(string message) : ProtocolException(message);
