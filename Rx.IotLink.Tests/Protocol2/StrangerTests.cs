using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Tests.Protocol.Linking;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>
/// A client with a key meets servers that are not its own: it proves nothing to them, gives them no line, and goes on
/// until its own is there.
/// </summary>
public sealed class StrangerTests
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, 16).Select(n => (byte)n)];
    private static readonly string Ok = "IOTLINK/2 ok epoch=1 tx=1 window=9 max=99 timeout=2000\n";

    [TestCase("wrong mac")]
    [TestCase("no proof")]
    [TestCase("refusal")]
    [TestCase("farewell")]
    [TestCase("garbage")]
    [TestCase("silence")]
    public void A_stranger_learns_nothing_and_ends_nothing(string kind)
    {
        var scheduler = new TestScheduler();
        var strangers = new List<ScriptedPeer>();
        var own = false;
        var transport = new Strangers(() =>
        {
            var peer = new ScriptedPeer(() => scheduler.Clock);
            strangers.Add(peer);
            return peer;
        });
        var client = IotLinkClient.Start(new IotLinkClientOptions { Host = "stranger", Id = "pump-1", Key = Key, Transport = transport, Scheduler = scheduler, Seed = 3, DrainTimeout = TimeSpan.Zero });
        client.Write("secret").Subscribe(_ => { }, _ => { });
        client.State.Subscribe(s => own |= s.IsUp);

        for (var attempt = 0; attempt < 6; attempt++)
        {
            var count = strangers.Count;
            while (strangers.Count == count)
                scheduler.AdvanceBy(TimeSpan.FromMilliseconds(100).Ticks);
            var opening = strangers[^1].Heard.Single().Packet.TrimEnd('\n');
            strangers[^1].Say(kind switch
            {
                "wrong mac" => Challenge(opening, new byte[16]),
                "no proof" => Ok,
                "refusal" => "IOTLINK/2 no code=auth\n",
                "farewell" => "!bye displaced\n",
                "silence" => "",
                _ => "HTTP/1.1 400 Bad Request\n",
            });
            scheduler.AdvanceBy(TimeSpan.FromMilliseconds(1).Ticks);
            Assert.That(strangers[^1].Heard, Has.Count.EqualTo(1), "nothing after the opening");
        }

        Assert.That(own, Is.False);
        // Its own server, at last.
        var before = strangers.Count;
        while (strangers.Count == before)
            scheduler.AdvanceBy(TimeSpan.FromMilliseconds(100).Ticks);
        var mine = strangers[^1];
        mine.Say(Challenge(mine.Heard[0].Packet.TrimEnd('\n'), Key) + Ok);
        scheduler.AdvanceBy(TimeSpan.FromMilliseconds(1).Ticks);

        Assert.That(own, Is.True);
        Assert.That(string.Concat(mine.Take()), Does.Contain("+0001secret\n"));
        _ = client.CloseAsync();
    }

    private static string Challenge(string opening, byte[] key)
    {
        var nonce = new byte[Proof.NonceBytes];
        return $"{Proof.Challenge(nonce)} mac={Proof.Hex(Proof.OfServer(key, opening, Proof.Challenge(nonce)))}\n";
    }

    private sealed class Strangers(Func<IConnection> next) : ITransport
    {
        public IObservable<IConnection> Connect() => Observable.Defer(() => Observable.Return(next()));
    }
}
