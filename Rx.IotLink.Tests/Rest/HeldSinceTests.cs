using NUnit.Framework;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol.Linking;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Time;

namespace Rx.IotLink.Tests.Rest;

/// <summary>
/// Between two lines only the system's coarse clock is read. What the link says of an observer that holds a line is at
/// most one tick of that clock too early, however long the lines before took, and never too late.
/// </summary>
public sealed class HeldSinceTests
{
    private const int Lines = 20;

    [Test]
    public async Task Since_when_an_observer_holds_its_line_is_at_most_one_tick_of_the_coarse_clock_too_early()
    {
        var options = new IotLinkServerOptions { Timeout = TimeSpan.FromMinutes(2) };
        using var link = new Link("1", options, version: 2, new ProtocolFactory(options, Role.Server, "1") { Random = bytes => bytes.Fill(1) }.Create);
        using var peer = new ScriptedPeer(() => 0);
        link.TryServe(peer, new ClientOpening("1", 1, new SessionOffer(Epoch: 2, Tx: 1, Peer: null, Rx: 0, Seen: 0, Window: 256, Max: 4_000), Nonce: null));
        var held = new List<(TimeSpan? Since, TimeSpan TickedAt, TimeSpan Now)>();
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var observing = link.Lines.Subscribe(_ =>
        {
            var (since, now) = (link.HeldSince, link.Now);
            held.Add((since, Tick(link), now));
            if (held.Count == Lines)
                all.SetResult();
        });

        peer.Say(string.Concat(Enumerable.Range(1, Lines).Select(n => $"+{n:x4}line {n}\n")));

        await all.Task.Within();
        for (var line = 0; line < Lines; line++)
        {
            Assert.That(held[line].Since, Is.LessThanOrEqualTo(held[line].Now), $"line {line} is not held before it is handed out");
            if (line > 0)
                Assert.That(held[line].Since, Is.GreaterThanOrEqualTo(held[line - 1].TickedAt), $"the clock ticked while line {line - 1} was held, and line {line} came after that");
        }

        await Bound.EventuallyAsync(() => link.HeldSince is null);
    }

    /// <summary>Waits for the coarse clock to tick. A time that is not before that tick.</summary>
    private static TimeSpan Tick(Link link)
    {
        // Not a wait for time to pass: the tick is the event.
        var before = Environment.TickCount64;
        SpinWait.SpinUntil(() => Environment.TickCount64 != before, Bound.Limit);
        return link.Now;
    }
}
