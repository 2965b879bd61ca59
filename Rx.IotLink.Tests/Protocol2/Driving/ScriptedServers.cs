using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Linking;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Protocol2.Driving;

/// <summary>A real client on a virtual clock; the test plays the server of each attempt.</summary>
internal sealed class ScriptedServers : ITransport
{
    private readonly TestScheduler scheduler = new();
    private readonly List<ScriptedPeer> peers = [];
    private int seen;

    public ScriptedServers(Func<IotLinkClientOptions, IotLinkClientOptions>? change = null)
    {
        var options = new IotLinkClientOptions
        {
            Host = "server", Id = "pump-1", Transport = this, Scheduler = scheduler, Seed = 3, DrainTimeout = TimeSpan.Zero,
        };
        Client = IotLinkClient.Start(change?.Invoke(options) ?? options);
    }

    public IotLinkClient Client { get; }

    public TimeSpan Now => TimeSpan.FromTicks(scheduler.Clock);

    /// <summary>Waits for the next attempt of the client, which has said its first line then.</summary>
    public ScriptedPeer Next()
    {
        for (var tries = 0; peers.Count == seen; tries++)
        {
            Assert.That(tries, Is.LessThan(10_000), "no attempt follows");
            Advance(100);
        }

        Advance(1);
        return peers[seen++];
    }

    /// <summary>Answers the next attempt.</summary>
    public ScriptedPeer Answer(string said)
    {
        var peer = Next();
        peer.Say(said);
        Advance(1);
        return peer;
    }

    /// <summary>The peer says a keepalive every second.</summary>
    public void Live(ScriptedPeer peer, int seconds)
    {
        for (var passed = 0; passed < seconds; passed++)
        {
            peer.Say("\n");
            Advance(1_000);
        }
    }

    public void Advance(int milliseconds) => scheduler.AdvanceBy(TimeSpan.FromMilliseconds(milliseconds).Ticks);

    /// <summary>What the client said first.</summary>
    public static string First(ScriptedPeer peer) => peer.Heard[0].Packet;

    IObservable<IConnection> ITransport.Connect() => Observable.Defer(() =>
    {
        var peer = new ScriptedPeer(() => scheduler.Clock);
        peers.Add(peer);
        return Observable.Return((IConnection)peer);
    });
}
