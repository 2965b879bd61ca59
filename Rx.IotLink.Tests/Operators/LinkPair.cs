using System.Reactive.Concurrency;

namespace Rx.IotLink.Tests.Operators;

/// <summary>
/// Two links joined back to back without a protocol or a network between them: what operators over links are tested with in virtual time,
/// to the tick. Each line takes <see cref="Latency"/> to the other end, its acceptance as long back; lines go one at a time.
/// </summary>
/// <remarks>
/// It keeps the promises of <see cref="ILink"/> that operators build on: lines arrive once and in order, also over an outage that swallowed the line or
/// its acceptance; they wait for the first observer; a throwing observer loses its subscription alone; a write that was not sent can be taken back.
/// It has no bounds, no keepalives and no best effort, and is for one thread, the scheduler's.
/// </remarks>
internal sealed class LinkPair
{
    public LinkPair(IScheduler scheduler)
    {
        Device = new(this, scheduler, "device-1");
        Server = new(this, scheduler, "device-1");
        (Device.Peer, Server.Peer) = (Server, Device);
    }

    public static TimeSpan Latency { get; } = TimeSpan.FromMilliseconds(1);

    public LinkPairEnd Device { get; }

    public LinkPairEnd Server { get; }

    /// <summary>Which connection it is: what was on its way on an earlier one never arrives.</summary>
    internal int Connection { get; private set; } = 1;

    internal bool IsUp { get; private set; } = true;

    public void GoDown()
    {
        IsUp = false;
        Connection++;
        Device.StateChanged(LinkStatus.Down);
        Server.StateChanged(LinkStatus.Down);
    }

    public void ComeUp()
    {
        IsUp = true;
        Device.StateChanged(LinkStatus.Up);
        Server.StateChanged(LinkStatus.Up);
    }
}
