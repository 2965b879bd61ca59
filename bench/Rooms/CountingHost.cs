using Rx.IotLink;
using Rx.IotLink.Protocol;

namespace Rooms;

/// <summary>A link that only counts.</summary>
internal sealed class CountingHost : IProtocolHost
{
    public int Delivered { get; private set; }

    public int FinishedLines { get; private set; }

    public bool HasRoomToSend => true;

    public void Opened()
    {
    }

    public void Heartbeat()
    {
    }

    public bool TryDeliver(ReadOnlySpan<byte> utf8, Delivery delivery, LineId id, out long line)
    {
        line = ++Delivered;
        return true;
    }

    public bool HasRoomFor(int bytes) => true;

    public void Withheld()
    {
    }

    public long Save(in SessionRecord record) => throw new InvalidOperationException("Nothing is kept here.");

    public void DuplicateReceived() => throw new InvalidOperationException("No line is repeated here.");

    public void Finished(OutLine line) => FinishedLines++;

    public void Repeated() => throw new InvalidOperationException("No line is repeated here.");

    public void Impossible(OutLine line, string fault) => throw new InvalidOperationException(fault);

    public void Notify(LinkNoticeKind kind, string detail) => throw new InvalidOperationException(detail);

    public void FallBack(int version) => throw new InvalidOperationException("Nothing falls back here.");

    public void EndConnection(Outage outage) => throw new InvalidOperationException(outage.Detail);
}
