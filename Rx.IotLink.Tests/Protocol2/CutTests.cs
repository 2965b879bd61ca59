using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>
/// The connection is cut after every single byte, and after every pair of bytes, and nothing comes of it.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed class CutTests
{
    [Test]
    public void A_cut_after_every_byte_loses_repeats_and_disorders_nothing([Values] bool slow, [Values] bool keys)
    {
        var cuts = 0;
        for (var cut = 0; ; cut++)
        {
            var session = new Session(Traffic.Long, slow, keys);
            if (session.Connect(cut))
                break;
            session.Connect();
            session.AssertGood($"cut after {cut} bytes");
            cuts++;
        }

        Assert.That(cuts, Is.GreaterThan(400), "every byte of a session with lines both ways");
    }

    [Test]
    public void Every_pair_of_cuts_loses_repeats_and_disorders_nothing([Values] bool slow)
    {
        var pairs = 0;
        for (var first = 0; ; first++)
        {
            if (new Session(Traffic.Short, slow).Connect(first))
                break;
            for (var second = 0; ; second++)
            {
                var session = new Session(Traffic.Short, slow);
                session.Connect(first);
                var whole = session.Connect(second);
                if (!whole)
                    session.Connect();
                session.AssertGood($"cuts after {first} and {second} bytes");
                pairs++;
                if (whole)
                    break;
            }
        }

        Assert.That(pairs, Is.GreaterThan(40_000));
    }

    [Test]
    public void Bytes_one_by_one_are_the_same_as_bytes_together([Values] bool slow, [Values(1, 2, 7)] int pieceBytes)
    {
        var (whole, pieces) = (new Session(Traffic.Long, slow), new Session(Traffic.Long, slow));
        whole.Connect();
        pieces.Connect(pieceBytes: pieceBytes);

        Assert.Multiple(() =>
        {
            Assert.That(pieces.Client.TakeEvents(), Is.EqualTo(whole.Client.TakeEvents()));
            Assert.That(pieces.Server.TakeEvents(), Is.EqualTo(whole.Server.TakeEvents()));
        });
        pieces.AssertGood("in pieces");
    }

    private sealed class Session
    {
        private readonly JoinedEnds ends;
        private readonly Traffic up;
        private readonly Traffic down;
        private readonly bool slow;

        public Session(IReadOnlyList<string> lines, bool slow, bool keys = false)
        {
            this.slow = slow;
            (up, down) = (new(lines), new(lines));
            var key = keys ? new byte[16] : null;
            ends = new(
                new TestEnd(Side.Client, new EndOptions { AcceptsAtOnce = !slow, Key = key, Random = EndOptions.Seeded(1) }),
                new TestEnd(Side.Server, new EndOptions { AcceptsAtOnce = !slow, Key = key, Random = EndOptions.Seeded(2), Window = 5 }));
        }

        public TestEnd Client => ends.Client;

        public TestEnd Server => ends.Server;

        public bool Connect(int cutAfter = int.MaxValue, int pieceBytes = int.MaxValue) => ends.Connect(Work, cutAfter, pieceBytes);

        public void AssertGood(string when)
        {
            var verdicts = (up.Verdict(Client.Finished, Server.Received), down.Verdict(Server.Finished, Client.Received));
            if (!verdicts.Item1.IsFlawless || !verdicts.Item2.IsFlawless || Client.Finished.Count + Server.Finished.Count != up.Written.Count + down.Written.Count)
                Assert.Fail($"{when}: {verdicts}, up finished {Client.Finished.Count}, down finished {Server.Finished.Count}");
            if (Client.Notices.Count + Server.Notices.Count > 0)
                Assert.Fail($"{when}: the notices {string.Join(", ", Client.Notices.Concat(Server.Notices))} although nothing happened");
        }

        private bool Work()
        {
            var worked = up.Write(Client) | down.Write(Server);
            return (slow && (TakeOne(Client) | TakeOne(Server))) | worked;
        }

        private static bool TakeOne(TestEnd end)
        {
            if (end.Waiting == 0 || !end.Connected)
                return false;
            end.Accept(1);
            return true;
        }
    }
}
