using System.Buffers;
using System.Text;
using Rx.IotLink;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Protocol.Version2;

namespace Fuzz.Targets;

/// <summary>
/// One end of a link as a bare state machine: nothing but a <see cref="ProtocolException"/> may come out of it, it asks
/// for no time that has passed, and neither what it says nor what it delivers grows without bound.
/// </summary>
internal sealed class RoomEnd : IEnd, IProtocolHost
{
    private const byte IsClient = 1;
    private const byte HasKey = 2;
    private const byte StartsOpen = 4;
    private const byte HasSmallInbox = 8;
    private const byte SavesLate = 16;
    private const byte FallsBack = 32;

    private const int MaxLineBytes = 200;
    private const int MaxElapses = 64;
    private const string Id = "pump-1";
    private const string Opening = "IOTLINK/2 id=pump-1 conn=1 epoch=6f1d20c4a9b30e77 tx=1 window=64 max=4000\n";
    private const string Answer = "IOTLINK/2 ok epoch=91aa03f00d5e2b18 tx=1 window=64 max=4000 timeout=2000\n";

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    private readonly Outbox outbox = new();
    private readonly ArrayBufferWriter<byte> output = new();
    private readonly Budget budget = new();
    private readonly IProtocol protocol;
    private readonly Chance challenges = Chance.Challenges();
    private readonly byte setting;
    private readonly int version;
    private ServerGreeting? greeting;
    private byte[] unread = [];
    private TimeSpan now = TimeSpan.FromSeconds(1);
    private bool connected;
    private bool leaves;
    private int waiting;
    private long delivered;
    private int written;
    private long said;
    private long saving;

    private RoomEnd(byte setting, int version)
    {
        (this.setting, this.version) = (setting, version);
        protocol = version == 1
            ? new Version1Protocol(new Version1Settings(Role, Id, Timeout, MaxLineBytes), outbox, this)
            : new Version2Protocol(SettingsOfVersion2(), outbox, this);
    }

    private Role Role => Is(IsClient) ? Role.Client : Role.Server;

    private int Inbox => Is(HasSmallInbox) ? 2 : 64;

    private bool IsKept => version == 2 && Is(SavesLate);

    public static void Attack(byte[] input, int version)
    {
        var end = new RoomEnd(Script.SettingOf(input), version);
        end.Connect();
        if (end.Is(StartsOpen))
            end.Receive(Encoding.ASCII.GetBytes(version == 1 ? "\n" : end.Is(IsClient) ? Answer : Opening));
        Script.Play(input, end);
        // Whatever came, it can still be connected, and the clock goes on.
        end.Do(Script.Break);
        end.Do(Script.LongPause);
        end.CheckSaid();
    }

    public void Receive(ReadOnlySpan<byte> piece)
    {
        budget.Received(piece.Length);
        unread = [.. unread, .. piece];
        try
        {
            if (Greet())
            {
                var bytes = new ReadOnlySequence<byte>(unread);
                unread = bytes.Slice(protocol.Receive(bytes, now)).ToArray();
            }

            Carry();
        }
        catch (Exception exception) when (exception is ProtocolException or NotProvenException)
        {
            leaves = true;
        }

        if (!leaves && unread.Length > Tokens.MaxBytes)
            throw new BrokenPromiseException($"{unread.Length} bytes are taken for a line that is not finished");
        LeaveIfWanted();
    }

    public void Do(byte deed)
    {
        switch (deed)
        {
            case Script.Pause:
                Advance(Timeout / 10);
                break;
            case Script.LongPause:
                Advance(Timeout);
                break;
            case Script.Break:
                Disconnect();
                Connect();
                break;
            case Script.Accept when waiting > 0:
                waiting--;
                protocol.Accept(delivered - waiting, now);
                Saved();
                Carry();
                break;
            case Script.Write:
                Write(Delivery.ExactlyOnce);
                break;
            case Script.WriteBestEffort:
                Write(Delivery.BestEffort);
                break;
        }

        LeaveIfWanted();
    }

    private void Connect()
    {
        budget.Began();
        (connected, leaves, unread) = (true, false, []);
        greeting = version == 2 && Role == Role.Server
            ? new ServerGreeting(Is(HasKey) ? id => id == Id ? [Chance.Key] : [] : null, challenges.Fill, LinkId.MaxBytes)
            : null;
        if (greeting is not null)
            return;
        protocol.Connect(output, now, version == 1 && Role == Role.Server ? new IdOpening(Id) : null);
        Saved();
        Carry();
    }

    private void Disconnect()
    {
        if (greeting is null && connected)
            protocol.Disconnect(now);
        (connected, greeting) = (false, null);
        Saved();
    }

    /// <summary>A server of protocol 2 reads the opening first; true once lines may follow.</summary>
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
            protocol.Connect(output, now, opening);
            Saved();
        }

        return true;
    }

    private void Write(Delivery delivery)
    {
        // Not more than an outbox takes that nobody empties.
        if (written++ >= 64)
            return;
        // Some are longer than a peer may take that says so.
        var text = new string((char)('a' + written % 26), written % 13 * 4);
        budget.Wrote(text.Length);
        outbox.Add(new OutLine(text, text.Length, delivery, written % 3 == 0 ? Ordering.Concurrent : Ordering.Ordered));
        protocol.Send(now);
        Saved();
        Carry();
    }

    private void Advance(TimeSpan by)
    {
        budget.Began();
        Saved(late: true);
        var end = now + by;
        for (var elapses = 0; protocol.Deadline is { } due && due <= end; elapses++)
        {
            if (elapses == MaxElapses)
                throw new BrokenPromiseException($"{MaxElapses} deadlines within {by}, the last of them at {due}");
            now = due > now ? due : now;
            protocol.Elapse(now);
            Carry();
            if (protocol.Deadline <= now)
                throw new BrokenPromiseException($"the deadline stays at {due} although it is {now}");
        }

        now = end;
        protocol.Elapse(now);
        if (connected && greeting is null)
            protocol.Keepalive();
        Carry();
    }

    /// <summary>The connection takes what was said.</summary>
    private void Carry()
    {
        protocol.Send(now);
        protocol.Handed();
        protocol.Taken(now);
        said += output.WrittenCount;
        output.ResetWrittenCount();
        CheckSaid();
    }

    private void Saved(bool late = false)
    {
        if (IsKept && (late || waiting == 0))
            protocol.Saved(saving, now);
    }

    private void LeaveIfWanted()
    {
        if (!leaves)
            return;
        Disconnect();
        Connect();
    }

    private void CheckSaid() => budget.Check(said);

    private bool Is(byte bit) => (setting & bit) != 0;

    private Version2Settings SettingsOfVersion2() => new()
    {
        Role = Role,
        Id = Id,
        Timeout = Timeout,
        MaxLineBytes = MaxLineBytes,
        Window = Inbox,
        Key = Is(IsClient) && Is(HasKey) ? Chance.Key : (ReadOnlyMemory<byte>?)null,
        MayFallBack = Is(FallsBack),
        Random = (Is(IsClient) ? Chance.Client() : Chance.Server()).Fill,
        IsKept = IsKept,
    };

    void IProtocolHost.Opened()
    {
    }

    void IProtocolHost.Heartbeat()
    {
    }

    bool IProtocolHost.TryDeliver(ReadOnlySpan<byte> utf8, Delivery delivery, LineId id, out long line)
    {
        line = 0;
        if (utf8.Length > MaxLineBytes || !Utf8.IsValid(utf8) || utf8.Contains((byte)'\n'))
            throw new BrokenPromiseException($"a line of {utf8.Length} bytes was delivered that is too long, or no text");
        if (waiting >= Inbox)
            return false;
        waiting++;
        line = ++delivered;
        return true;
    }

    bool IProtocolHost.HasRoomFor(int bytes) => true;

    void IProtocolHost.Withheld()
    {
    }

    long IProtocolHost.Save(in SessionRecord record) => ++saving;

    void IProtocolHost.DuplicateReceived()
    {
    }

    void IProtocolHost.Finished(OutLine line)
    {
    }

    void IProtocolHost.Repeated()
    {
    }

    void IProtocolHost.Impossible(OutLine line, string fault)
    {
    }

    bool IProtocolHost.HasRoomToSend => output.WrittenCount < 32_768;

    void IProtocolHost.Notify(LinkNoticeKind kind, string detail)
    {
    }

    void IProtocolHost.FallBack(int version)
    {
    }

    void IProtocolHost.EndConnection(Outage outage) => leaves = true;
}
