using System.Reactive;
using Rx.IotLink.Protocol;

namespace Rx.IotLink;

/// <summary>What a protocol tells its link.</summary>
internal sealed partial class Link
{
    /// <summary>What the protocol tells, inside the link's lock: notes to be carried out after it.</summary>
    private sealed class Host(Link link) : IProtocolHost
    {
        public bool HasRoomToSend => link.session?.Output.Length < OutputHighWater;

        public void Opened()
        {
            link.justOpened = link.session;
            link.Become(LinkStatus.Up, outage: null);
        }

        public void Heartbeat()
        {
            link.counts.Heartbeats++;
            link.pulses?.Heartbeats.Post(Unit.Default);
        }

        public bool TryDeliver(ReadOnlySpan<byte> utf8, Delivery delivery)
        {
            if (link.inbox.TryAdd(utf8, delivery))
                return link.tookLines = true;
            link.counts.LinesWithheld++;
            return false;
        }

        public void Withheld() => link.counts.LinesWithheld++;

        public long Save(in SessionRecord record) => link.journal!.Append(record);

        public void DuplicateReceived() => link.counts.DuplicatesReceived++;

        public void Finished(OutLine line) => link.Done(line, error: null);

        public void Impossible(OutLine line, string fault)
        {
            Notify(LinkNoticeKind.LineImpossible, $"a line {fault}");
            link.Done(line, new InvalidLineException(link.Id, $"a line {fault}"));
        }

        public void Repeated() => link.counts.LinesRepeated++;

        public void Notify(LinkNoticeKind kind, string detail) => link.notices.Post(new LinkNotice(kind, detail));

        public void FallBack(int version) => link.wanted = version;

        public void Leave(Outage outage, bool final) => link.leaving = new Leaving(link.session!, outage, final);
    }

    /// <summary>A connection that the protocol wants ended.</summary>
    private sealed record Leaving(Session Session, Outage Outage, bool Final);
}
