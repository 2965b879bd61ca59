using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Simulation;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>
/// Either end restarts at any moment of a session: without its memory, with it, or with an older one.
/// </summary>
public sealed class RestartTests
{
    private static readonly string[] AfterRestart = ["new 1", "new 2", "new 3"];

    [Test]
    public void A_restart_without_memory_is_reported_and_repeats_only_what_was_in_flight([Values] Side restarted, [Values] bool slow)
    {
        var inFlight = 0;
        foreach (var life in Lives(restarted, slow))
        {
            var (old, survivor) = (life.Restarted, life.Survivor);
            var done = survivor.Finished.ToArray();
            var had = survivor.Received.Concat(survivor.WaitingLines).ToArray();
            var met = survivor.TakeEvents().Contains("opened");
            life.Restart(memory: null);
            life.RunToTheEnd();

            var again = old.Received.Except(done).ToArray();
            inFlight += again.Length;
            Assert.Multiple(() =>
            {
                Assert.That(life.Restarted.Received, Is.EqualTo(Traffic.Long.Except(done)), $"{life}: the new process gets what was not acknowledged, and nothing that was");
                Assert.That(life.Restarted.Received.Intersect(old.Received), Is.EqualTo(again), $"{life}: of what the old one had taken, only what was in flight");
                Assert.That(survivor.Received, Is.EqualTo(had.Concat(AfterRestart)), $"{life}: nothing is repeated to the survivor");
                Assert.That(survivor.Finished, Is.EqualTo(Traffic.Long), $"{life}: each line of the survivor is finished once, in order");
                Assert.That(survivor.Notices, Is.EqualTo(met ? [LinkNoticeKind.SessionNotResumed, LinkNoticeKind.PeerRestarted] : Array.Empty<LinkNoticeKind>()), $"{life}");
                Assert.That(life.Restarted.Notices, Is.Empty, $"{life}: it remembers nothing that could be amiss");
            });
        }

        Assert.That(inFlight, Is.GreaterThan(0), "some restart did hit lines in flight");
    }

    [Test]
    public void A_restart_with_its_memory_resumes_exactly([Values] Side restarted, [Values] bool slow)
    {
        foreach (var life in Lives(restarted, slow))
        {
            var old = life.Restarted;
            // What was written is in the memory, sent or not.
            life.Restart(life.Store.Latest);
            life.RunToTheEnd();

            Assert.Multiple(() =>
            {
                Assert.That(old.Received.Concat(life.Restarted.Received), Is.EqualTo(Traffic.Long), $"{life}");
                Assert.That(old.Finished.Concat(life.Restarted.Finished), Is.EqualTo(life.WrittenByRestarted), $"{life}");
                Assert.That(life.Survivor.Received, Is.EqualTo(life.WrittenByRestarted), $"{life}");
                Assert.That(life.Survivor.Finished, Is.EqualTo(Traffic.Long), $"{life}");
                Assert.That(life.Survivor.Notices.Concat(life.Restarted.Notices), Is.Empty, $"{life}");
            });
        }
    }

    /// <summary>
    /// Two things nobody can notice, since all that knew of them is gone: lines of this end that were given a number
    /// after the old memory was kept and never arrived; and lines of the peer that were accepted after it was kept,
    /// whose acknowledgement never arrived: they are given to the application again.
    /// </summary>
    [Test]
    public void An_older_memory_is_never_silent([Values] Side restarted, [Values] bool slow)
    {
        var (told, rolledBack) = (0, 0);
        foreach (var life in Lives(restarted, slow, every: 5))
        {
            for (var step = 1; step < life.Store.Steps.Count - 1; step++)
            {
                var again = life.Again();
                var (old, survivor) = (again.Restarted, again.Survivor);
                var done = survivor.Finished.ToArray();
                again.Restart(again.Store.Steps[step]);
                again.RunToTheEnd();

                var notices = survivor.Notices.Concat(again.Restarted.Notices).ToArray();
                rolledBack += notices.Count(n => n == LinkNoticeKind.MemoryRolledBack);
                if (notices.Length > 0)
                {
                    told++;
                    Assert.That(AfterRestart, Is.SubsetOf(survivor.Received), $"{again} to memory {step}: what is written after it arrives all the same");
                    continue;
                }

                var twice = old.Received.Intersect(again.Restarted.Received);
                Assert.Multiple(() =>
                {
                    Assert.That(survivor.Received, Is.Unique, $"{again} to memory {step}");
                    Assert.That(survivor.Received.TakeLast(3), Is.EqualTo(AfterRestart), $"{again} to memory {step}: what is written after it arrives, in order");
                    Assert.That(old.Received.Union(again.Restarted.Received), Is.EquivalentTo(Traffic.Long), $"{again} to memory {step}: nothing of the survivor is lost");
                    Assert.That(twice, Is.SubsetOf(old.Received.Except(done)), $"{again} to memory {step}");
                    Assert.That(survivor.Finished, Is.EqualTo(Traffic.Long), $"{again} to memory {step}");
                });
            }
        }

        Assert.That(told, Is.GreaterThan(50));
        Assert.That(rolledBack, Is.GreaterThan(20));
    }

    [TestCase("epoch=1 tx=10", Description = "the peer has lost 8 and 9")]
    [TestCase("epoch=2 tx=10", Description = "the peer has restarted")]
    public void Where_this_end_goes_on_is_kept_at_once(string remembered)
    {
        var store = new MemoryStore(new KeptMemory(Epoch: 5, First: 3, Lines: [], PeerEpoch: 1, Accepted: 7));
        var end = new TestEnd(Side.Client, new EndOptions { Store = store });
        end.Connect();
        end.Receive($"IOTLINK/2 ok {remembered} peer=5 rx=2 window=9 max=99 timeout=2000\n");

        var next = new TestEnd(Side.Client, new EndOptions { Store = new MemoryStore(store.Latest) });
        next.Connect();

        Assert.That(next.TakeSaid().Single(), Does.Contain($" peer=000000000000000{remembered[6]} rx=9 "));
    }

    /// <summary>Sessions that were cut after every byte, in which one end is about to restart.</summary>
    private static IEnumerable<Life> Lives(Side restarted, bool slow, int every = 1)
    {
        for (var cut = 0; ; cut += every)
        {
            var life = new Life(restarted, slow, cut);
            if (!life.WasCut)
                yield break;
            yield return life;
        }
    }

    private sealed class Life
    {
        private readonly Side side;
        private readonly bool slow;
        private readonly int cut;
        private readonly JoinedEnds ends;
        private Traffic ofRestarted = new(Traffic.Long);
        private readonly Traffic ofSurvivor = new(Traffic.Long);
        private IReadOnlyList<string> writtenBefore = [];

        public Life(Side side, bool slow, int cut)
        {
            (this.side, this.slow, this.cut) = (side, slow, cut);
            var other = side == Side.Client ? Side.Server : Side.Client;
            var (mine, theirs) = (new TestEnd(side, Options(Store, seed: 1)), new TestEnd(other, Options(new MemoryStore(), seed: 2)));
            ends = side == Side.Client ? new(mine, theirs) : new(theirs, mine);
            WasCut = !ends.Connect(Work, cut);
        }

        public MemoryStore Store { get; } = new();

        public bool WasCut { get; }

        public TestEnd Restarted => side == Side.Client ? ends.Client : ends.Server;

        public TestEnd Survivor => side == Side.Client ? ends.Server : ends.Client;

        public IEnumerable<string> WrittenByRestarted => writtenBefore.Concat(AfterRestart);

        /// <summary>The same history once more.</summary>
        public Life Again() => new(side, slow, cut);

        public void Restart(KeptMemory? memory, IReadOnlyList<string>? rewritten = null)
        {
            writtenBefore = ofRestarted.Written;
            ofRestarted = new Traffic([.. rewritten ?? [], .. AfterRestart]);
            var reborn = new TestEnd(side, Options(new MemoryStore(memory), seed: 3));
            if (side == Side.Client)
                ends.Client = reborn;
            else
                ends.Server = reborn;
        }

        public void RunToTheEnd()
        {
            // One that leaves (a memory too old) comes back.
            for (var connections = 0; !ends.Connect(Work); connections++)
                Assert.That(connections, Is.LessThan(3), $"{this}: it must come to an end");
        }

        public override string ToString() => $"{side} restarts after {cut} bytes";

        private EndOptions Options(MemoryStore store, int seed) => new() { AcceptsAtOnce = !slow, Store = store, Random = EndOptions.Seeded(seed) };

        private bool Work()
        {
            var worked = ofRestarted.Write(Restarted) | ofSurvivor.Write(Survivor);
            return (slow && (TakeOne(Restarted) | TakeOne(Survivor))) | worked;
        }

        private static bool TakeOne(TestEnd end)
        {
            if (end.Waiting == 0)
                return false;
            end.Accept(1);
            return true;
        }
    }
}
