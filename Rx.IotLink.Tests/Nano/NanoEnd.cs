using System.Text;
using Rx.IotLink.Nano;
using Rx.IotLink.Nano.Protocol;
using Rx.IotLink.Tests.Protocol.Driving;

namespace NanoTests;

/// <summary>
/// Plays connection, application and clock to the device's pure session. Events are named as in the conformance
/// vectors.
/// </summary>
internal sealed class NanoEnd : ISessionHost, IRandomSource
{
    private readonly Queue<byte> random = new();
    private readonly List<string> events = [];
    private readonly List<string> said = [];

    public NanoEnd(SessionSettings settings) => Session = new Session(settings, this, new HmacSha256(), this);

    public Session Session { get; }

    public long Now { get; private set; }

    public bool Connected { get; private set; }

    /// <summary>Everything that went out, bytes as they were.</summary>
    public MemoryStream Wire { get; } = new();

    public static SessionSettings Settings(string id = "pump-1") => new()
    {
        Id = Encoding.UTF8.GetBytes(id),
        TimeoutMs = 2000,
        MaxLineBytes = 4000,
        Window = 64,
        InboxLines = 64,
        InboxBytes = 65_536,
        OutboxLines = 1000,
        OutboxBytes = 65_536,
        BestEffortLines = 64,
        BestEffortBytes = 65_536,
        OutputBytes = 100_000,
    };

    public void WillDraw(IEnumerable<byte> bytes)
    {
        foreach (var drawn in bytes)
            random.Enqueue(drawn);
    }

    public void Connect()
    {
        Connected = true;
        Session.Connect(Now);
        Pump();
    }

    /// <summary>Whether what arrives does so byte by byte.</summary>
    public bool InPieces { get; init; }

    public void Receive(byte[] bytes)
    {
        var piece = InPieces ? 1 : Math.Max(bytes.Length, 1);
        for (var at = 0; at < bytes.Length; at += piece)
            Session.Receive(bytes, at, piece, Now);
        Session.Elapse(Now);
        Pump();
    }

    public void Receive(string text) => Receive(Encoding.UTF8.GetBytes(text));

    public bool Write(string line)
    {
        var bytes = Encoding.UTF8.GetBytes(line);
        var taken = Session.Write(bytes, bytes.Length);
        Pump();
        return taken;
    }

    public int WriteBestEffort(string line)
    {
        var bytes = Encoding.UTF8.GetBytes(line);
        var dropped = Session.WriteBestEffort(bytes, bytes.Length);
        Pump();
        return dropped;
    }

    public void Accept(int lines)
    {
        for (; lines > 0; lines--)
            Session.Accept();
        Pump();
    }

    public void Bye(string text)
    {
        Session.Bye(text);
        Pump();
    }

    /// <summary>Lets time pass; what is due on the way happens on the way.</summary>
    public void Advance(long milliseconds)
    {
        var until = Now + milliseconds;
        while (Session.Phase is Phase.Greeting or Phase.Proving or Phase.Open && Session.NextIn(Now) is var next && Now + next <= until)
        {
            Now += Math.Max(next, 0);
            if (Session.IsSilent(Now))
            {
                events.Add("leave silence");
                Disconnect();
                continue;
            }

            Session.Elapse(Now);
            Pump();
        }

        Now = until;
        Session.Elapse(Now);
        Pump();
    }

    public void Disconnect()
    {
        Connected = false;
        Session.Disconnect();
    }

    public string[] TakeSaid()
    {
        var taken = said.ToArray();
        said.Clear();
        return taken;
    }

    public string[] TakeEvents()
    {
        var taken = events.ToArray();
        events.Clear();
        return taken;
    }

    void IRandomSource.Fill(byte[] bytes)
    {
        for (var at = 0; at < bytes.Length; at++)
            bytes[at] = random.Count > 0 ? random.Dequeue() : throw new InvalidOperationException("More random bytes are drawn than were given.");
    }

    void ISessionHost.Opened() => events.Add("opened");

    void ISessionHost.Heartbeat() => events.Add("heartbeat");

    void ISessionHost.Arrived(byte[] bytes, int offset, int count) => events.Add("line " + Text(bytes, offset, count));

    void ISessionHost.Finished(bool exactlyOnce, byte[] bytes, int offset, int count) => events.Add("finished " + Text(bytes, offset, count));

    void ISessionHost.Impossible(byte[] bytes, int offset, int count) => events.Add("impossible " + Text(bytes, offset, count));

    void ISessionHost.Repeated()
    {
    }

    void ISessionHost.Duplicate()
    {
    }

    void ISessionHost.Withheld()
    {
    }

    void ISessionHost.Notice(SessionNotice notice, ulong first, ulong last) => events.Add("notice " + notice switch
    {
        SessionNotice.SessionNotResumed => "session-not-resumed",
        SessionNotice.PeerRestarted => "peer-restarted",
        SessionNotice.LinesLost => "lines-lost",
        _ => "memory-rolled-back",
    });

    void ISessionHost.Leave(LeaveReason reason, int retryMs, string text) => events.Add(reason switch
    {
        LeaveReason.ProtocolError => "fail protocol",
        LeaveReason.TooLong => "fail too-long",
        _ => $"leave {Name(reason)}{(retryMs >= 0 ? $" retry={retryMs}" : "")}",
    });

    private static string Name(LeaveReason reason) => reason switch
    {
        LeaveReason.Refused => "refused",
        LeaveReason.PeerLeft => "peer-left",
        LeaveReason.Displaced => "displaced",
        LeaveReason.PeerNotProven => "peer-not-proven",
        _ => "connection-lost",
    };

    /// <summary>Sends all there is to send, as the pump does; a connection that is over ends.</summary>
    private void Pump()
    {
        var sent = new MemoryStream();
        while (Connected && Session.Fill(Now) is var count and > 0)
            sent.Write(Session.Output, 0, count);
        Wire.Write(sent.ToArray());
        if (sent.Length > 0)
            said.AddRange(Escaped.FromBytes(sent.ToArray()).Split("\\n")[..^1]);
        if (Connected && Session.Phase == Phase.Over && events.Count > 0 && (events[^1].StartsWith("leave", StringComparison.Ordinal) || events[^1].StartsWith("fail", StringComparison.Ordinal)))
            Disconnect();
    }

    private static string Text(byte[] bytes, int offset, int count) => Escaped.FromBytes(bytes.AsSpan(offset, count));
}
