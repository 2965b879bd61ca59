using System.Buffers;
using System.Text;
using Rx.IotLink;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Protocol.Version2;

namespace Rooms;

/// <summary>A server's end of a link in one version of the protocol, open, and fed by hand.</summary>
internal sealed class ProtocolEnd
{
    private static readonly TimeSpan Now = TimeSpan.FromSeconds(1);

    private readonly ArrayBufferWriter<byte> output = new(65_536);
    private readonly Outbox outbox = new();
    private long accepted;

    public ProtocolEnd(int version)
    {
        Protocol = version == 2 ? Version2() : Version1();
    }

    public IProtocol Protocol { get; }

    public CountingHost Host { get; } = new();

    public void Receive(ReadOnlySequence<byte> bytes) => Protocol.Receive(bytes, Now);

    public void Accept(int lines)
    {
        accepted += lines;
        Protocol.Accept(accepted, Now);
    }

    /// <summary>Writes lines that wait for nobody, and gives the number of bytes it took.</summary>
    public int Write(OutLine[] lines)
    {
        foreach (var line in lines)
            outbox.Add(line);
        return Said();
    }

    /// <summary>Says what there is to be said, and forgets it.</summary>
    public int Said()
    {
        Protocol.Send(Now);
        var length = output.WrittenCount;
        output.ResetWrittenCount();
        return length;
    }

    private Version2Protocol Version2()
    {
        var settings = new Version2Settings { Role = Role.Server, Id = "1", Timeout = TimeSpan.FromHours(1), MaxLineBytes = 4_000, Window = 256, Random = bytes => bytes.Fill(1) };
        var protocol = new Version2Protocol(settings, outbox, Host);
        protocol.Connect(output, Now, new ClientOpening("1", 1, new SessionOffer(Epoch: 2, Tx: 1, Peer: null, Rx: 0, Seen: 0, Window: 256, Max: 4_000), Nonce: null));
        output.ResetWrittenCount();
        return protocol;
    }

    private Version1Protocol Version1()
    {
        var protocol = new Version1Protocol(new Version1Settings(Role.Server, "1", TimeSpan.FromHours(1), 4_000), outbox, Host);
        protocol.Connect(output, Now, new IdOpening("1"));
        protocol.Receive(new("\n"u8.ToArray()), Now - Version1Protocol.SettlingTime);
        protocol.Elapse(Now);
        // 00 is said once in the life of a process: after it the ids go round.
        outbox.Add(new OutLine("first", 5, Delivery.ExactlyOnce, Ordering.Ordered));
        protocol.Send(Now);
        protocol.Receive(new("00\n"u8.ToArray()), Now);
        protocol.Receive(new(Encoding.ASCII.GetBytes("00first\n")), Now);
        protocol.Accept(++accepted, Now);
        output.ResetWrittenCount();
        return protocol;
    }
}
