using Rx.IotLink.Protocol;

namespace Rx.IotLink.Engine;

/// <summary>The calls of the current protocol, inside a step.</summary>
internal sealed partial class LinkEngine : IProtocolHost
{
    bool IProtocolHost.HasRoomToSend => output?.Length < OutputHighWater && (output.Length < LeastOutput || Room > 0);

    bool IProtocolHost.GivesUp(OutLine line) => GivesUp(line);

    bool IProtocolHost.HasRoomFor(int bytes) => HasRoomFor(bytes);

    void IProtocolHost.Opened()
    {
        TakeOver();
        GiveUpStale();
        Collected.Opened = true;
        Become(LinkStatus.Up, outage: null);
    }

    void IProtocolHost.Heartbeat()
    {
        counts.Heartbeats++;
        Collected.Heartbeat = true;
    }

    void IProtocolHost.Answered()
    {
        if (pingedAt == Never)
            return;
        (pingedAt, Collected.RoundTrip) = (Never, now - pingedAt);
    }

    /// <summary>Takes a line if its kind has room. Each kind has room of its own.</summary>
    bool IProtocolHost.TryDeliver(ReadOnlySpan<byte> utf8, Delivery delivery, LineId id, out long line)
    {
        line = 0;
        var waiting = delivered.Of(delivery) - handled.Of(delivery);
        // One line may always wait: otherwise a line longer than the link's share would never come.
        if (waiting >= limits.InboxLines || (isBounded && delivered.All > handled.All && !HasRoomFor(Collected.Delivered.GrowthFor(utf8.Length))))
        {
            counts.LinesWithheld++;
            return false;
        }

        delivered = delivered.Plus(delivery);
        line = delivered.All;
        if (delivery == Delivery.BestEffort)
            counts.BestEffortBytesReceived += utf8.Length;
        else
            counts.BytesReceived += utf8.Length;
        Collected.Delivered.Add(utf8, delivery, id);
        return tookLines = true;
    }

    private bool HasRoomFor(int bytes)
    {
        if (bytes == 0 || bytes <= Room)
            return true;
        Collected.RoomWanted = bytes;
        return false;
    }

    void IProtocolHost.Withheld() => counts.LinesWithheld++;

    long IProtocolHost.Save(in SessionRecord record) => Save(record);

    void IProtocolHost.DuplicateReceived() => counts.DuplicatesReceived++;

    void IProtocolHost.Finished(OutLine line)
    {
        // Protocol 2 accepts lines in their order, and acknowledges them itself, by their numbers.
        if (Version == 1 && line.Outcome is null)
            Forget(line, isAccepted: !line.IsGivenUp);
        if (line is { IsGivenUp: true, Outcome: null })
            Done(line, Counted(line));
        else
            Done(line, line.Delivery == Delivery.ExactlyOnce ? Outcome.Accepted : Outcome.Sent);
    }

    void IProtocolHost.Impossible(OutLine line, string fault) => Impossible(line, fault);

    void IProtocolHost.Repeated() => counts.LinesRepeated++;

    void IProtocolHost.Notify(LinkNoticeKind kind, string detail) => Notify(kind, detail);

    void IProtocolHost.FallBack(int version) => Wanted = version;

    void IProtocolHost.EndConnection(Outage outage) => RequestEnd(outage);
}
