using System.Buffers;
using System.Text;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Tests.Protocol.Driving;

namespace Rx.IotLink.Tests.Protocol2.Driving;

/// <summary>
/// Plays the link and the application to one end of protocol 2 (a server's greeting included): gives it the time, hands
/// it bytes as a pipe would, and keeps what it says as bytes and what happens as events.
/// </summary>
/// <remarks>
/// Events: <c>opened</c>, <c>heartbeat</c>, <c>line text</c>, <c>finished text</c>, <c>impossible text</c>,
/// <c>notice kind</c>, <c>leave reason [retry=ms] [sleep=s]</c>.
/// </remarks>
internal sealed class TestEnd : IProtocolHost
{
    private readonly EndOptions options;
    private readonly Side side;
    private readonly Outbox outbox = new();
    private readonly ArrayBufferWriter<byte> output = new();
    private readonly List<string> events = [];
    private readonly Queue<string> inbox = new();
    private readonly Queue<SessionRecord> records = new();
    private long kept;
    private long delivered;
    private byte[] unread = [];
    private ServerGreeting? greeting;

    public TestEnd(Side side, EndOptions? given = null)
    {
        (this.side, options) = (side, given ?? new EndOptions());
        (AcceptsAtOnce, Room, Keeps) = (options.AcceptsAtOnce, options.Room, options.Keeps);
        var memory = options.IsKept ? options.Store.Load() : null;
        memory?.PutInto(outbox);
        Protocol = new Version2Protocol(
            new Version2Settings
            {
                Role = side.Role(),
                Id = options.Id,
                Timeout = options.Timeout,
                MaxLineBytes = options.Max,
                Window = options.Window,
                Key = side == Side.Client && options.Key is { } key ? key : (ReadOnlyMemory<byte>?)null,
                MayFallBack = options.MayFallBack,
                MaxTimeout = options.MaxTimeout,
                Random = options.Random,
                IsKept = options.IsKept,
            },
            outbox,
            this,
            memory?.Memory);
        Keep();
    }

    public Version2Protocol Protocol { get; }

    public MemoryStore Store => options.Store;

    public TimeSpan Now { get; set; }

    public bool AcceptsAtOnce { get; set; }

    /// <summary>Whether the store keeps at once what it is to keep.</summary>
    public bool Keeps { get; set; }

    /// <summary>Whether there is a connection.</summary>
    public bool Connected { get; private set; }

    /// <summary>Whether lines flow.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>What the protocol wants the connection ended for.</summary>
    public Outage? Left { get; private set; }

    /// <summary>What the application took, in order.</summary>
    public List<string> Received { get; } = [];

    /// <summary>What the peer accepted of what was written here, in order.</summary>
    public List<string> Finished { get; } = [];

    public List<LinkNoticeKind> Notices { get; } = [];

    /// <summary>The sentences for people: of the notices, and of the lines that can never be sent.</summary>
    public List<string> Told { get; } = [];

    /// <summary>How often lines were sent again, and how often they came again.</summary>
    public int Repeated { get; private set; }

    public int Duplicates { get; private set; }

    /// <summary>Written lines that have no number yet.</summary>
    public IReadOnlyList<string> Unsent => [.. outbox.All.Select(l => l.Text)];

    public int Waiting => inbox.Count;

    public IReadOnlyList<string> WaitingLines => [.. inbox];

    /// <summary>What the output may hold before it has no room for further lines.</summary>
    public int Room { get; set; }

    /// <summary>Whether the connection takes nothing of what is said, as one whose buffers are full.</summary>
    public bool IsClogged { get; set; }

    /// <summary>Begins a connection: a client says its opening, a server waits for one.</summary>
    public void Connect()
    {
        output.ResetWrittenCount();
        (unread, Left, Connected) = ([], null, true);
        if (side == Side.Client)
        {
            Protocol.Connect(output, Now, opening: null);
            Keep();
        }
        else
        {
            greeting = new ServerGreeting(options.Key is not { } key ? null : id => id != options.Id ? [] : options.NextKey is { } next ? [key, next] : [key], options.Random, LinkId.MaxBytes);
        }
    }

    public void Receive(string text) => Receive(Encoding.UTF8.GetBytes(text));

    /// <summary>Hands over a piece of what the peer sent; what is left of it is put before the next piece.</summary>
    public void Receive(ReadOnlySpan<byte> piece)
    {
        unread = unread.Length == 0 ? piece.ToArray() : [.. unread, .. piece];
        if (greeting is not null && !Greet())
            return;
        var bytes = new ReadOnlySequence<byte>(unread);
        var rest = bytes.Slice(Protocol.Receive(bytes, Now));
        Keep();
        unread = rest.IsEmpty ? [] : rest.ToArray();
        if (AcceptsAtOnce)
            AcceptAll();
        Protocol.Send(Now);
        Carry();
    }

    public void Disconnect()
    {
        if (!Connected)
            return;
        (Connected, IsOpen) = (false, false);
        if (greeting is null)
            Protocol.Disconnect(Now);
        greeting = null;
        Keep();
    }

    public void Write(string text, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Ordered)
    {
        var line = new OutLine(text, Encoding.UTF8.GetByteCount(text), delivery, ordering);
        outbox.Add(line);
        if (options.IsKept && delivery == Delivery.ExactlyOnce)
            line.Record = Save(new(SessionRecordKind.Add, Position: (long)line.Ticket, Text: text));
        Protocol.Send(Now);
        Keep();
        Carry();
    }

    public void Accept(int lines)
    {
        for (; lines > 0; lines--)
        {
            Received.Add(inbox.Dequeue());
            Protocol.Accept(delivered - inbox.Count, Now);
        }

        Keep();
        Protocol.Send(Now);
        Keep();
        Carry();
    }

    public void AcceptAll() => Accept(inbox.Count);

    public void ElapseTo(TimeSpan now)
    {
        Now = now;
        Protocol.Elapse(now);
        Keep();
        Carry();
    }

    /// <summary>The connection takes what was said.</summary>
    private void Carry()
    {
        if (IsClogged)
            return;
        Protocol.Handed();
        Protocol.Taken(Now);
    }

    /// <summary>What was said since this was asked last.</summary>
    public byte[] TakeOutput()
    {
        var said = output.WrittenSpan.ToArray();
        output.ResetWrittenCount();
        return said;
    }

    /// <summary>The lines that were said since this was asked last.</summary>
    public string[] TakeSaid()
    {
        var text = Encoding.UTF8.GetString(TakeOutput());
        return text.Length == 0 ? [] : text[^1] == '\n' ? text[..^1].Split('\n') : throw new InvalidOperationException("Bytes without an LF were said.");
    }

    public string[] TakeEvents()
    {
        var taken = events.ToArray();
        events.Clear();
        return taken;
    }

    /// <summary>Writes down what is to be kept, and says that it is.</summary>
    public void Keep()
    {
        if (records.Count == 0 || !Keeps)
            return;
        for (; records.TryDequeue(out var record); kept++)
            options.Store.Take(record);

        Protocol.Saved(kept, Now);
        Keep();
    }

    long IProtocolHost.Save(in SessionRecord record) => Save(record);

    private long Save(in SessionRecord record)
    {
        records.Enqueue(record);
        return kept + records.Count;
    }

    /// <summary>A server reads the opening; true once lines may follow.</summary>
    private bool Greet()
    {
        while (greeting is not null)
        {
            var bytes = new ReadOnlySequence<byte>(unread);
            if (!FirstLine.TryRead(ref bytes, Tokens.MaxBytes, out var line))
                return false;
            unread = bytes.ToArray();
            if (greeting.Opening is not null)
            {
                greeting.Second(line);
            }
            else if (greeting.First(line) is { } challenge)
            {
                output.Write(Encoding.UTF8.GetBytes(challenge + "\n"));
                continue;
            }

            var opening = greeting.Opening;
            greeting = null;
            Protocol.Connect(output, Now, opening);
            Keep();
        }

        return true;
    }

    void IProtocolHost.Opened()
    {
        IsOpen = true;
        events.Add("opened");
    }

    void IProtocolHost.Heartbeat() => events.Add("heartbeat");

    bool IProtocolHost.TryDeliver(ReadOnlySpan<byte> utf8, Delivery delivery, LineId id, out long line)
    {
        line = 0;
        if (inbox.Count >= options.Inbox)
            return false;
        var text = Encoding.UTF8.GetString(utf8);
        events.Add("line " + text);
        inbox.Enqueue(text);
        line = ++delivered;
        return true;
    }

    bool IProtocolHost.HasRoomFor(int bytes) => true;

    void IProtocolHost.Withheld()
    {
    }


    void IProtocolHost.DuplicateReceived() => Duplicates++;

    void IProtocolHost.Finished(OutLine line)
    {
        Finished.Add(line.Text);
        events.Add("finished " + line.Text);
    }

    void IProtocolHost.Repeated() => Repeated++;

    void IProtocolHost.Impossible(OutLine line, string fault)
    {
        Told.Add(fault);
        events.Add("impossible " + line.Text);
        if (options.IsKept && line.Delivery == Delivery.ExactlyOnce)
            Protocol.SendAfter(Save(new(SessionRecordKind.Remove, Position: (long)line.Ticket)));
    }

    bool IProtocolHost.HasRoomToSend => output.WrittenCount < Room;

    void IProtocolHost.Notify(LinkNoticeKind kind, string detail)
    {
        Notices.Add(kind);
        Told.Add(detail);
        events.Add("notice " + Kebab(kind.ToString()));
    }

    void IProtocolHost.FallBack(int version) => events.Add($"fall-back {version}");

    void IProtocolHost.EndConnection(Outage outage)
    {
        Left = outage;
        IsOpen = false;
        events.Add($"leave {Kebab(outage.Reason.ToString())}{(outage.RetryAfter is { } wait ? $" retry={wait.TotalMilliseconds}" : "")}{(outage.SleepsFor is { } sleep ? $" sleep={sleep.TotalSeconds}" : "")}");
    }

    private static string Kebab(string name) =>
        string.Concat(name.Select((c, at) => char.IsUpper(c) ? (at > 0 ? "-" : "") + char.ToLowerInvariant(c) : c.ToString()));
}
