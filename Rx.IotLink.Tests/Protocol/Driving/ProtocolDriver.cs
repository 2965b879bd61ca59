using System.Buffers;
using System.Text;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;

namespace Rx.IotLink.Tests.Protocol.Driving;

/// <summary>
/// Plays the link to one end of protocol 1: gives it the time, hands it bytes as a pipe would, and keeps a log of what
/// it sends and reports, in order.
/// </summary>
/// <remarks>
/// The log has a line for each line that was said (<c>&gt; 00text</c>; <c>&gt; </c> is a keepalive) and one for each
/// event: <c>opened</c>, <c>heartbeat</c>, <c>line text</c>, <c>withheld text</c>, <c>not taken</c>, <c>duplicate</c>,
/// <c>finished text</c>, <c>repeated</c>, <c>restarted</c>.
/// </remarks>
internal sealed class ProtocolDriver : IProtocolHost
{
    public const string Id = "qos";

    public static readonly TimeSpan T = TimeSpan.FromMilliseconds(2_000);
    public static readonly TimeSpan SettlingTime = TimeSpan.FromMilliseconds(200);
    public static readonly TimeSpan Tick = TimeSpan.FromTicks(1);

    private readonly Side side;
    private readonly Outbox outbox = new();
    private readonly List<string> log = [];
    private readonly List<byte[]> unread = [];
    private RecordingOutput? output;
    private int waiting;
    private long delivered;

    public ProtocolDriver(Side side, TimeSpan? timeout = null, int maxLineBytes = 4_000, string id = Id, TimeSpan firstAcknowledgementDelay = default)
    {
        this.side = side;
        Protocol = new Version1Protocol(new Version1Settings(side.Role(), id, timeout ?? T, maxLineBytes) { FirstAcknowledgementDelay = firstAcknowledgementDelay }, outbox, this);
    }

    public IProtocol Protocol { get; }

    public TimeSpan Now { get; private set; }

    /// <summary>Whether there is no room for a further line.</summary>
    public bool InboxFull { get; set; }

    /// <summary>Whether the connection takes nothing of what is said, as one whose buffers are full.</summary>
    public bool IsClogged { get; set; }

    /// <summary>Lines that were delivered and wait for <see cref="Accept"/>.</summary>
    public int Waiting => waiting;

    /// <summary>The sentences for people, of the notices.</summary>
    public List<string> Told { get; } = [];

    /// <summary>How many written lines were not sent yet.</summary>
    public int Unsent => outbox.All.Count();

    /// <summary>An end whose connection is open, with nothing logged so far.</summary>
    public static ProtocolDriver Open(Side side)
    {
        var driver = new ProtocolDriver(side);
        driver.ConnectAndOpen();
        driver.Take();
        return driver;
    }

    public void Connect() => Protocol.Connect(output = new RecordingOutput(line => log.Add("> " + line)), Now, opening: null);

    /// <summary>Connects, and has the peer say its first keepalive.</summary>
    public void ConnectAndOpen()
    {
        Connect();
        Receive("\n");
        Advance(side == Side.Server ? SettlingTime : TimeSpan.Zero);
    }

    public void Disconnect()
    {
        Protocol.Disconnect(Now);
        output = null;
        unread.Clear();
    }

    /// <summary>An outage, and a new connection that is open.</summary>
    public void Reconnect()
    {
        Disconnect();
        ConnectAndOpen();
    }

    public void Receive(string text) => Receive(Encoding.UTF8.GetBytes(text));

    /// <summary>
    /// Hands over a piece of what the peer sent; what the protocol leaves is put before the next piece.
    /// </summary>
    public void Receive(byte[] piece)
    {
        unread.Add(piece);
        var bytes = Pieces.Of(unread);
        var rest = bytes.Slice(Protocol.Receive(bytes, Now));
        unread.Clear();
        if (!rest.IsEmpty)
            unread.Add(rest.ToArray());
        Carry();
    }

    public void Write(string text, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Ordered)
    {
        outbox.Add(new OutLine(text, Encoding.UTF8.GetByteCount(text), delivery, ordering));
        Protocol.Send(Now);
        Carry();
    }

    public void WriteConcurrently(params IEnumerable<string> texts)
    {
        foreach (var text in texts)
            Write(text, ordering: Ordering.Concurrent);
    }

    public void WriteBestEffort(string text) => Write(text, Delivery.BestEffort);

    public void Accept()
    {
        waiting--;
        Protocol.Accept(delivered - waiting, Now);
    }

    public void AcceptAll()
    {
        while (waiting > 0)
            Accept();
    }

    /// <summary>
    /// Lets time pass: the protocol is called at its deadlines, and at the end once more though it did not ask for it.
    /// </summary>
    public void Advance(TimeSpan by)
    {
        var end = Now + by;
        while (Protocol.Deadline is { } due && due <= end)
        {
            Now = due > Now ? due : Now;
            Protocol.Elapse(Now);
            Carry();
            if (Protocol.Deadline <= Now)
                throw new InvalidOperationException($"The deadline stays at {due} although it is {Now}.");
        }

        Now = end;
        Protocol.Elapse(Now);
        Carry();
    }

    /// <summary>What happened since this was asked last.</summary>
    public string[] Take()
    {
        if (output is { HasUnfinishedLine: true })
            throw new InvalidOperationException("Bytes without an LF were said.");
        var taken = log.ToArray();
        log.Clear();
        return taken;
    }

    /// <summary>The lines that were said since anything was taken last.</summary>
    public string[] TakeSaid() => [.. Take().Where(entry => entry.StartsWith("> ", StringComparison.Ordinal)).Select(entry => entry[2..])];

    /// <summary>The connection takes what was said.</summary>
    private void Carry()
    {
        if (IsClogged)
            return;
        Protocol.Handed();
        Protocol.Taken(Now);
    }

    void IProtocolHost.Opened() => log.Add("opened");

    void IProtocolHost.Heartbeat() => log.Add("heartbeat");

    bool IProtocolHost.TryDeliver(ReadOnlySpan<byte> utf8, Delivery delivery, LineId id, out long line)
    {
        log.Add((InboxFull ? "withheld " : "line ") + Encoding.UTF8.GetString(utf8));
        if (!InboxFull)
            (waiting, delivered) = (waiting + 1, delivered + 1);
        line = InboxFull ? 0 : delivered;
        return !InboxFull;
    }

    bool IProtocolHost.HasRoomFor(int bytes) => true;

    void IProtocolHost.Withheld() => log.Add("not taken");

    long IProtocolHost.Save(in SessionRecord record) => throw new InvalidOperationException("Protocol 1 keeps nothing.");

    void IProtocolHost.DuplicateReceived() => log.Add("duplicate");

    void IProtocolHost.Finished(OutLine line) => log.Add("finished " + line.Text);

    void IProtocolHost.Repeated() => log.Add("repeated");

    bool IProtocolHost.HasRoomToSend => true;

    void IProtocolHost.Notify(LinkNoticeKind kind, string detail)
    {
        Told.Add(detail);
        log.Add(kind == LinkNoticeKind.PeerRestarted ? "restarted" : $"notice {kind}");
    }

    void IProtocolHost.Impossible(OutLine line, string fault) => log.Add($"impossible {line.Text}");

    void IProtocolHost.FallBack(int version) => log.Add($"fall back {version}");

    void IProtocolHost.EndConnection(Outage outage) => log.Add($"leave {outage.Reason}");
}
