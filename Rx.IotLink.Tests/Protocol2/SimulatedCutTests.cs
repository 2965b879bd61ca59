using System.Reactive.Concurrency;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Simulation;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>
/// The real client and server on a virtual clock, their first connection broken after every single byte, for both
/// versions of the protocol.
/// </summary>
public sealed class SimulatedCutTests
{
    private static readonly TimeSpan Apart = TimeSpan.FromMilliseconds(7);

    [Test]
    public void A_break_after_every_byte_loses_repeats_and_disorders_nothing([Values(1, 2)] int protocol, [Values] bool up)
    {
        // Protocol 1 has no empty lines.
        string[] lines = [.. Traffic.Long.Where(l => protocol == 2 || l.Length > 0)];
        var breaks = 0;
        for (var bytes = 0; ; bytes++)
        {
            var run = new Run(protocol, lines);
            if (!run.Live((up, bytes)))
                break;
            breaks++;
            Assert.Multiple(() =>
            {
                Assert.That(run.UpVerdict.IsFlawless, $"client to server, broken after {bytes} bytes");
                Assert.That(run.DownVerdict.IsFlawless, $"server to client, broken after {bytes} bytes");
                Assert.That(run.AcceptedUp, Is.EqualTo(lines), $"accepted by the server, broken after {bytes} bytes");
                Assert.That(run.AcceptedDown, Is.EqualTo(lines), $"accepted by the client, broken after {bytes} bytes");
                Assert.That(run.Notices, Is.Empty, $"broken after {bytes} bytes");
            });
        }

        Assert.That(breaks, Is.GreaterThan(90), "every byte of the session");
    }

    private sealed class Run(int protocol, string[] lines)
    {
        private readonly Traffic up = new(lines);
        private readonly Traffic down = new(lines);
        private readonly List<string> atServer = [];
        private readonly List<string> atClient = [];

        public List<string> AcceptedUp { get; } = [];

        public List<string> AcceptedDown { get; } = [];

        public List<LinkNoticeKind> Notices { get; } = [];

        public DeliveryVerdict UpVerdict => up.Verdict(AcceptedUp, atServer);

        public DeliveryVerdict DownVerdict => down.Verdict(AcceptedDown, atClient);

        public bool Live((bool Up, int Bytes) at)
        {
            using var link = SimulatedLink.Start(client: o => o with { Protocol = protocol });
            var broke = at.Bytes == 0;
            if (broke)
                link.Path.Kill();
            else
                link.Path.BreakNext(at.Up ? StallDirection.Up : StallDirection.Down, at.Bytes, () => broke = true);
            Follow(link.Client, atClient);
            link.Server.Links.Subscribe(end =>
            {
                Follow(end, atServer);
                WriteLater(link, end, down, AcceptedDown);
            });
            WriteLater(link, link.Client, up, AcceptedUp);
            link.Run(TimeSpan.FromSeconds(1));
            // Keepalives would go on for ever: what did not break by now has no more bytes of this session.
            var inTime = broke;
            link.Run(TimeSpan.FromSeconds(15));
            return inTime;
        }

        private void Follow(ILink end, List<string> received)
        {
            end.Lines.Subscribe(received.Add);
            end.Notices.Where(n => n.Kind is not (LinkNoticeKind.ConnectFailed or LinkNoticeKind.RepetitionAssumed)).Subscribe(n => Notices.Add(n.Kind));
        }

        private static void WriteLater(SimulatedLink link, ILink from, Traffic traffic, List<string> accepted) =>
            link.Scheduler.Schedule(Apart, () =>
            {
                if (traffic.Next() is not { } line)
                    return;
                from.Write(line).Subscribe(_ => accepted.Add(line));
                WriteLater(link, from, traffic, accepted);
            });
    }
}
