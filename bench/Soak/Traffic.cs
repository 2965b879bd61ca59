using System.Globalization;
using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using Rx.IotLink;
using Rx.IotLink.Testing;

namespace Soak;

/// <summary>
/// Lines in one direction of one link: numbers, some with a long tail, and in between, with a letter before theirs,
/// best-effort lines and in some lives lines that need no order.
/// </summary>
internal sealed class Traffic(Setting setting, string id, Fingerprint fingerprint, ReleaseWatch releases, Action<string> violation)
    : IDisposable
{
    private readonly Random random = new(HashCode(setting.Seed, id));
    private readonly SerialDisposable reading = new();
    private long lastBestEffort = -1;
    private Action resume = () => { };
    private bool ended;
    private LineApplication? application;

    // Lines whose work takes a time of its own are done in any order, and handed out in theirs.
    private readonly DeliveryChecker ordered = new(ordered: setting.Reads != LineReading.Received);
    private readonly DeliveryChecker concurrent = new(ordered: false);
    private readonly LimitedLines limited = new(id, violation);

    /// <summary>What the checkers say of the exactly-once lines.</summary>
    public DeliveryVerdict Verdict => ordered.Verdict + concurrent.Verdict;

    /// <summary>Exactly-once lines that are not settled.</summary>
    public int Open => ordered.Open + concurrent.Open;

    public long BestEffortWritten { get; private set; }

    public long BestEffortReceived { get; private set; }

    public long BestEffortRepeated { get; private set; }

    /// <summary>The writer's process is gone; these lines it had kept outside itself.</summary>
    public void WriterCrashed(IEnumerable<string> kept)
    {
        var lines = kept.ToLookup(IsConcurrent, NumberOf);
        limited.WriterCrashed();
        // With protocol 1 the peer does not know a line of an earlier process again.
        ordered.WriterCrashed(lines[false], mayRepeat: setting.Protocol == 1);
        concurrent.WriterCrashed(lines[true], mayRepeat: setting.Protocol == 1);
        foreach (var line in limited.MayBeDropped)
            line.Checker.MayBeDropped(line.Number);
    }

    /// <summary>The writer's link is up from now on, or not.</summary>
    public void LinkIs(bool up, TimeSpan now) => limited.LinkIs(up, now);

    /// <summary>The reader's end has lost its memory.</summary>
    public void ReceiverLostMemory()
    {
        ordered.ReceiverLostMemory();
        concurrent.ReceiverLostMemory();
    }

    /// <summary>Nothing more is written, and everything is read.</summary>
    public void End()
    {
        ended = true;
        resume();
    }

    /// <summary>Writes now and then, for as long as the writer's process lives.</summary>
    public void WriteLater(ILink link, IScheduler clock, SimulatedNetwork network) => clock.Schedule(Gap(), () =>
    {
        if (ended)
            return;
        for (var left = random.Next(1, setting.Burst + 1); left > 0; left--)
        {
            if (random.Next(8) == 0)
                WriteBestEffort(link);
            else
                Write(link, network);
        }

        WriteLater(link, clock, network);
    });

    /// <summary>Reads, with pauses if the setting says so.</summary>
    public void Read(ILink link, Func<SimulatedMachine> machine, IScheduler clock, SimulatedNetwork network, Action afterwards)
    {
        if (setting.Reads == LineReading.Lines)
        {
            Read(link, clock, network, afterwards);
            return;
        }

        application ??= ApplicationOn(network);
        // The machine is known when it is made, and its first process begins before that.
        clock.Schedule(() => reading.Disposable = setting.Reads == LineReading.Received
            ? application.Receive(link, machine(), clock, random, line => line[0] is 'b' or 'c' ? null : NumberOf(line))
            : application.Process(link, machine(), hasDeadLetters: setting.Reads == LineReading.DeadLetters));
    }

    /// <summary>It outlives the links, and holds none.</summary>
    private LineApplication ApplicationOn(SimulatedNetwork network) => new(setting, releases, violation, line =>
    {
        fingerprint.Add(network.Now, line);
        Take(line, network.Now);
    });

    private void Read(ILink link, IScheduler clock, SimulatedNetwork network, Action afterwards)
    {
        reading.Disposable = link.Lines.Subscribe(releases.Observer<string>("a link's lines", line =>
        {
            fingerprint.Add(network.Now, line);
            Take(line, network.Now);
            afterwards();
        }));
        if (!setting.PausesReading || ended)
            return;
        clock.Schedule(Gap() * 3, () =>
        {
            if (ended)
                return;
            reading.Disposable = Disposable.Empty;
            var pausing = true;
            resume = () =>
            {
                if (pausing)
                    Read(link, clock, network, afterwards);
                pausing = false;
            };
            clock.Schedule(Gap() * 3, resume);
        });
    }

    /// <summary>The reader's process is gone, and its subscription with it.</summary>
    public void ReaderCrashed()
    {
        // The first line of a process is repeated by protocol 1 until it is acknowledged, best effort or not: a server
        // without its memory is given it again.
        if (setting.Protocol == 1)
            lastBestEffort = -1;
        reading.Disposable = Disposable.Empty;
        resume = () => { };
    }

    /// <summary>Ends the reading.</summary>
    public void Dispose() => reading.Dispose();

    /// <summary>Writes lines of these lengths at once.</summary>
    public void WriteAll(ILink link, SimulatedNetwork network, IEnumerable<int> lengths)
    {
        foreach (var length in lengths)
            Write(link, network, length);
    }

    private void Write(ILink link, SimulatedNetwork network, int length = 0)
    {
        var inOrder = !setting.WritesConcurrently || random.Next(2) == 0;
        var checker = inOrder ? ordered : concurrent;
        var number = checker.Write();
        var tail = length > 0 ? " " + new string('x', length - 20) : random.Next(20) == 0 ? " " + new string('x', random.Next(random.Next(10) == 0 ? 3_900 : 100)) : "";
        var text = (inOrder ? "" : "c") + number.ToString(CultureInfo.InvariantCulture) + tail;
        if (setting.LimitsLines && length == 0 && random.Next(2) == 0)
        {
            _ = WriteLimitedAsync(link, network, checker, number, text, inOrder ? Ordering.Ordered : Ordering.Concurrent);
            return;
        }

        link.Write(text, ordering: inOrder ? Ordering.Ordered : Ordering.Concurrent).Subscribe(
            releases.Observer<Unit>("writes", _ =>
            {
                fingerprint.Add(network.Now, "accepted");
                checker.Accepted(number);
            }));
    }

    /// <summary>Writes a line with a time to live of 1 to 20 s, or a key, or both.</summary>
    private async Task WriteLimitedAsync(ILink link, SimulatedNetwork network, DeliveryChecker checker, long number, string text, Ordering ordering)
    {
        var kind = random.Next(3);
        var options = new WriteOptions
        {
            Ordering = ordering,
            TimeToLive = kind != 0 ? TimeSpan.FromSeconds(1 + (19 * random.NextDouble())) : null,
            Key = kind != 1 ? $"key {random.Next(3)}" : null,
        };
        var line = limited.Write(checker, number, options, network.Now);
        foreach (var older in limited.MayBeDropped)
            older.Checker.MayBeDropped(older.Number);
        try
        {
            await link.WriteAsync(text, options).ConfigureAwait(false);
            fingerprint.Add(network.Now, "accepted");
            checker.Accepted(number);
        }
        catch (LineDroppedException dropped)
        {
            fingerprint.Add(network.Now, "dropped");
            checker.Dropped(number);
            limited.Dropped(line, dropped, network.Now);
        }
        catch (LinkClosedException)
        {
            // At the end of a life: lines that are not settled by then end so.
        }
    }

    private void WriteBestEffort(ILink link) =>
        link.Write($"b{BestEffortWritten++}", Delivery.BestEffort).Subscribe(releases.Observer<Unit>("writes", static _ => { }));

    private void Take(string line, TimeSpan now)
    {
        if (line[0] != 'b')
        {
            var checker = IsConcurrent(line) ? concurrent : ordered;
            if (limited.IsOverdue(checker, NumberOf(line), now))
                checker.MustNotArrive(NumberOf(line));
            checker.Received(NumberOf(line));
            return;
        }

        var number = long.Parse(line.AsSpan(1), CultureInfo.InvariantCulture);
        BestEffortReceived++;
        if (number <= lastBestEffort)
            BestEffortRepeated++;
        lastBestEffort = Math.Max(number, lastBestEffort);
    }

    private static bool IsConcurrent(string line) => line[0] == 'c';

    /// <summary>The number of an exactly-once line.</summary>
    private static long NumberOf(string line)
    {
        var begin = IsConcurrent(line) ? 1 : 0;
        var end = line.IndexOf(' ', StringComparison.Ordinal);
        return long.Parse(line.AsSpan(begin..(end < 0 ? line.Length : end)), CultureInfo.InvariantCulture);
    }

    private TimeSpan Gap() => setting.MeanBetweenWrites * (2 * random.NextDouble());

    // string.GetHashCode differs from run to run.
    private static int HashCode(int seed, string text) => text.Aggregate(seed, (hash, c) => unchecked((hash * 31) + c));
}
