using Microsoft.Reactive.Testing;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol.Driving;

namespace Rx.IotLink.Tests.Protocol.Linking;

/// <summary>One link on a virtual clock, and the connections that a test gives it.</summary>
internal sealed class LinkBench : IDisposable
{
    public static readonly TimeSpan T = ProtocolDriver.T;
    public static readonly TimeSpan Tick = TimeSpan.FromTicks(1);

    private readonly List<string> lines = [];

    public LinkBench(Side side, TimeSpan? timeout = null, TestScheduler? scheduler = null, System.Reactive.Concurrency.IScheduler? seen = null)
    {
        Scheduler = scheduler ?? new CountingScheduler();
        var t = timeout ?? T;
        LinkOptions options = side == Side.Server
            ? new IotLinkServerOptions { Timeout = t, Scheduler = seen ?? Scheduler }
            : new IotLinkClientOptions { Host = "script", Id = ProtocolDriver.Id, Timeout = t, Scheduler = seen ?? Scheduler };
        Link = new Link(ProtocolDriver.Id, options, version: 1, (_, outbox, host, _) =>
            new Version1Protocol(new Version1Settings(side.Role(), ProtocolDriver.Id, options.Timeout, options.MaxLineBytes) { FirstAcknowledgementDelay = TimeSpan.Zero }, outbox, host));
    }

    public TestScheduler Scheduler { get; }

    public Link Link { get; }

    /// <summary>The lines its application has seen, once it <see cref="Listen"/>s.</summary>
    public IReadOnlyList<string> Lines => lines;

    public TimeSpan Now => TimeSpan.FromTicks(Scheduler.Clock);

    public (LinkStatus Status, OutageReason? Reason) State => (Link.Current.Status, Link.Current.Outage?.Reason);

    /// <summary>Gives the link a connection to a new peer.</summary>
    public ScriptedPeer Serve(bool reads = true)
    {
        var peer = new ScriptedPeer(() => Scheduler.Clock, reads);
        if (Link.TryServe(peer) is null)
            throw new InvalidOperationException("The link did not take the connection.");
        return peer;
    }

    public void Listen() => Link.Lines.Subscribe(lines.Add);

    public void Advance(TimeSpan by) => Scheduler.AdvanceBy(by.Ticks);

    public void Dispose() => Link.Close();
}
