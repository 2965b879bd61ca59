using Rx.IotLink.Engine;
using Rx.IotLink.Protocol;
using Rx.IotLink.Server;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Protocol.Driving;
using static Rx.IotLink.Tests.Protocol.Garbage.Cases;

namespace Rx.IotLink.Tests.Engine;

/// <summary>
/// One end of a <see cref="Pair"/>: an engine, its application, its store, and the bytes on their way from it.
/// </summary>
internal sealed class EndOfPair
{
    private static readonly LinkOptions Limits = new IotLinkServerOptions { Timeout = EngineEnd.Timeout, InboxLines = 4, OutboxLines = 8, MaxLineBytes = 200 };

    private readonly World world;
    private readonly int seed;
    private readonly Random random;
    private readonly List<TestLine> written = [];
    private readonly HashSet<string> gone = [];
    private readonly HashSet<string> takenBack = [];
    private readonly HashSet<string> told = [];
    private readonly HashSet<string> givenUp = [];
    private int received;
    private int number;
    private TimeSpan saidAt;
    private int outagesBefore;
    private int lives;

    public EndOfPair(World world, int seed, Random random)
    {
        (this.world, this.seed, this.random) = (world, seed, random);
        End = Make(store: null);
    }

    public EngineEnd End { get; private set; }

    public EndOfPair? Peer { get; set; }

    /// <summary>What it has said, and has not arrived.</summary>
    public List<byte> UnderWay { get; } = [];

    /// <summary>Whether what it says has a way to the other end.</summary>
    public bool HasPath { get; set; }

    public TimeSpan StalledUntil { get; set; }

    public TimeSpan? NoticesEndAt { get; set; }

    public TimeSpan HeardAt { get; set; }

    public int Outages => End.Outages + outagesBefore;

    /// <summary>
    /// What the application was given and has handled, in this order; a line that it had before its end began anew is
    /// marked.
    /// </summary>
    public List<string> Received { get; } = [];

    /// <summary>
    /// Lines that it had handled, or begun to, when it began anew, and that did not count as accepted yet: they come
    /// again.
    /// </summary>
    private HashSet<string> ComesAgain { get; } = [];

    /// <summary>How many lines were given up before they were sent, and reported so to their writers.</summary>
    public int GivenUp => givenUp.Count;

    public bool IsDone => written.TrueForAll(l => told.Contains(l.Text) || takenBack.Contains(l.Text) || !l.IsAwaited || gone.Contains(l.Text)) && Received.Count == received && End.Handled == End.Delivered.Count && End.Engine.Unfinished == 0;

    public string Left => $"{written.Count(l => l.Outcome is null && !gone.Contains(l.Text))} lines unfinished, {End.Delivered.Count - End.Handled} unhandled, state {End.Engine.Status}, {Inside.PhaseOf(End.Engine)}";

    /// <summary>Some of what an end does at any time.</summary>
    public void Live(TimeSpan now, bool isHealthy)
    {
        if (!isHealthy && random.Next(8) == 0)
            Write();
        if (!isHealthy && random.Next(40) == 0 && written.FindLast(l => l is { Outcome: null, IsAwaited: true } && !gone.Contains(l.Text)) is { } last && End.Written.Contains(last) && End.TakeBack(last))
            takenBack.Add(last.Text);
        if (isHealthy || random.Next(3) == 0)
            Handle(random.Next(1, 5));
        if (isHealthy || random.Next(2) == 0)
            Save(fails: !isHealthy && random.Next(30) == 0);
        if (isHealthy || random.Next(2) == 0)
            ReadStored(fails: !isHealthy && random.Next(30) == 0);
        if (End.WakeAt <= now)
            End.Step(Input.Time(End.Moment));
        if (NoticesEndAt <= now)
        {
            NoticesEndAt = null;
            if (End.IsConnected)
                End.End(OutageReason.ConnectionLost);
        }

        if (End.IsConnected && End.IsSending && (isHealthy || random.Next(3) > 0))
            End.TakeOutput();
        if (now - saidAt > EngineEnd.Timeout / 4)
        {
            saidAt = now;
            End.Step(Input.KeepaliveDue(End.Moment));
        }
    }

    /// <summary>The process ends at this moment, and another one begins with what the store has.</summary>
    public void Restart()
    {
        HashSet<string> kept = [.. End.Store.LinesOf(EngineEnd.Id)];
        gone.UnionWith(written.Where(l => l.Outcome is null && !kept.Contains(l.Text)).Select(l => l.Text));
        // That it was taken back was not kept.
        takenBack.ExceptWith(kept);
        // A line that is kept is carried on, but its writer is gone.
        gone.UnionWith(kept);
        ComesAgain.UnionWith(End.Delivered.Select(d => d.Text));
        var now = End.Now;
        outagesBefore += End.Outages;
        lives++;
        (HasPath, NoticesEndAt) = (false, null);
        End = Make(End.Store);
        End.Now = now;
    }

    /// <summary>Checks what the other end's application has had of what was written here.</summary>
    public void CheckWhatPeerReceived()
    {
        var had = Peer!.Received;
        foreach (var line in written)
        {
            var times = had.Count(text => text == line.Text);
            var isGivenUp = givenUp.Contains(line.Text);
            // For one that nobody waits for, only the counts show that it was given up.
            var mayBeGivenUp = isGivenUp || (!line.IsAwaited && (line.Key ?? line.TimeToLive as object) is not null);
            var (isOwed, mayRepeat) = (line.Delivery == Delivery.ExactlyOnce && !gone.Contains(line.Text) && !takenBack.Contains(line.Text) && !mayBeGivenUp, Peer.ComesAgain.Contains(line.Text));
            Require(times <= 1 || mayRepeat, () => $"'{line.Text}' came {times} times");
            Require(times >= 1 || !isOwed, () => $"'{line.Text}' never came");
            Require(times == 0 || !takenBack.Contains(line.Text), () => $"'{line.Text}' came, though its writer has it back");
            // A peer that ended may have given it to its application and not have kept that.
            Require(times == 0 || !isGivenUp || gone.Contains(line.Text) || mayRepeat, () => $"'{line.Text}' came, though it was reported as dropped");
        }

        var ordered = written.Where(l => l.Ordering == Ordering.Ordered && l.Delivery == Delivery.ExactlyOnce).Select(l => l.Text).ToList();
        RequireSame(had.Distinct().Where(ordered.Contains), ordered.Where(had.Contains), "the order in which lines came");
        Require(had.TrueForAll(text => written.Exists(l => l.Text == text)), () => "a line came that nobody wrote");
    }

    private EngineEnd Make(MemorySessionStore? store) => new(world, store, Limits, seed + (1_000_000 * lives))
    {
        Told = Tell,
    };

    private void Tell(OutLine line)
    {
        told.Add(line.Text);
        // That a line was given up where its number is, a later process may not know.
        var mayBeGivenUp = gone.Contains(line.Text) && written.Exists(l => l.Text == line.Text && (l.Key ?? l.TimeToLive as object) is not null);
        if (line.Outcome == Outcome.Accepted)
            Require(mayBeGivenUp || Peer!.Received.Contains(line.Text), () => $"'{line.Text}' is reported as accepted, and the peer's application has not had it");
        else if (line.Outcome == Outcome.Replaced || line.Outcome!.Expiry is not null)
            givenUp.Add(line.Text);
    }

    private void Write()
    {
        var text = $"{world.Side} {number++}{new string('.', random.Next(30))}";
        var key = random.Next(12) == 0 ? $"{random.Next(2)}" : null;
        TimeSpan? timeToLive = random.Next(12) == 0 ? random.NextDouble() * 2 * EngineEnd.Timeout : null;
        var line = random.Next(7) switch
        {
            0 => new TestLine(text, Delivery.BestEffort, key: key, timeToLive: timeToLive),
            6 when world.IsKept => new TestLine(text, untilStored: true, key: key, timeToLive: timeToLive),
            1 => new TestLine(text, ordering: Ordering.Concurrent, key: key, timeToLive: timeToLive),
            2 => new TestLine(text, key: key, timeToLive: timeToLive),
            _ => new TestLine(text),
        };
        if (End.Write(line, maySendLater: random.Next(2) == 0))
            written.Add(line);
    }

    private void Handle(int lines)
    {
        var first = End.Handled;
        for (var i = first; i < Math.Min(first + lines, End.Delivered.Count); i++, received++)
            Received.Add(End.Delivered[i].Text);
        End.Handle(lines);
    }

    private void Save(bool fails)
    {
        if (End.Kept == End.Records.Count)
            return;
        var upTo = random.Next(End.Kept, End.Records.Count + 1);
        End.Save(upTo);
        if (fails)
            End.FailSave();
    }

    /// <summary>The store reads, and gives the result some time later, or cannot.</summary>
    private void ReadStored(bool fails)
    {
        if (End.Load is null)
            return;
        if (fails)
            End.FailRead();
        else if (End.Read is null)
            End.ReadStored();
        else
            End.TellRead();
    }
}
