using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;

namespace Rx.IotLink;

/// <summary>
/// Completes the writes of a fleet's lines with what has become of these. Some stores say so by themselves; the others
/// are asked, while somebody waits: soon after something has happened, then less and less often.
/// </summary>
/// <param name="collect">Asks the store, which forgets what it says here; null: it says so by itself.</param>
internal sealed class FleetReports(Func<Task<IReadOnlyList<FleetReport>>>? collect)
{
    /// <summary>The most writers that wait in this process.</summary>
    public const int MostWaiting = 65_536;

    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(500);

    private readonly IStopwatch clock = DefaultScheduler.Instance.StartStopwatch();
    private readonly Lock gate = new();
    private readonly Dictionary<long, Waiting> waiting = [];

    // Reports of lines whose numbers are not known here yet: their writes are on the way back from the store.
    private readonly Dictionary<long, FleetReport> early = [];
    private int onTheWay;
    private bool asks;
    private TimeSpan pause = Shortest;

    /// <summary>A line whose writer waits for its end is on its way to the store.</summary>
    /// <exception cref="OutboxFullException">Too many wait.</exception>
    public void Begin(string id)
    {
        lock (gate)
        {
            if (waiting.Count + onTheWay >= MostWaiting)
                throw new OutboxFullException(id, "the number of writes that wait for devices to accept", MostWaiting, "lines");
            onTheWay++;
        }
    }

    /// <summary>The line was not kept.</summary>
    public void Fail()
    {
        lock (gate)
            Arrived();
    }

    /// <summary>The line is kept. The task ends with what becomes of it.</summary>
    public Task WaitAsync(long entry, in FleetWrite line)
    {
        var its = new Waiting(line, clock.Elapsed);
        FleetReport known;
        bool begins;
        lock (gate)
        {
            if (!early.Remove(entry, out known))
                waiting.Add(entry, its);
            Arrived();
            pause = Shortest;
            (begins, asks) = (!asks && collect is not null && waiting.Count > 0, asks || (collect is not null && waiting.Count > 0));
        }

        if (known.Outcome != FleetOutcome.None)
            Tell(its, known);
        if (begins)
            _ = AskAsync();
        return its.Result.Task;
    }

    /// <summary>The store says what has become of a line, after it is kept.</summary>
    public void Tell(in FleetReport report)
    {
        Waiting? its;
        lock (gate)
        {
            if (!waiting.Remove(report.Entry, out its) && onTheWay > 0)
                early[report.Entry] = report;
        }

        if (its is not null)
            Tell(its, report);
    }

    /// <summary>Whether somebody waits for the end of a line, or may do so soon.</summary>
    public bool Awaits(long entry)
    {
        lock (gate)
            return onTheWay > 0 || waiting.ContainsKey(entry);
    }

    /// <summary>The store is closed: no report follows.</summary>
    public void End(Exception why)
    {
        Waiting[] all;
        lock (gate)
        {
            all = [.. waiting.Values];
            waiting.Clear();
        }

        foreach (var one in all)
            one.Result.TrySetException(why);
    }

    private void Arrived()
    {
        if (--onTheWay == 0)
            early.Clear();
    }

    private async Task AskAsync()
    {
        while (true)
        {
            TimeSpan time;
            lock (gate)
            {
                asks = waiting.Count > 0;
                if (!asks)
                    return;
                time = pause;
                pause = pause + pause < Longest ? pause + pause : Longest;
            }

            await Observable.Timer(time, DefaultScheduler.Instance).ToTask().ConfigureAwait(false);
            try
            {
                var reports = await collect!().ConfigureAwait(false);
                foreach (var report in reports)
                    Tell(report);
                if (reports.Count == 0)
                    continue;
                lock (gate)
                    pause = Shortest;
            }
            catch (ObjectDisposedException e)
            {
                End(e);
            }
            catch (Exception)
            {
                // The store is away: who waits, waits.
                lock (gate)
                    pause = Longest;
            }
        }
    }

    private void Tell(Waiting its, in FleetReport report)
    {
        var (id, waited) = (its.Line.Id, clock.Elapsed - its.Since);
        Exception? failure = report.Outcome switch
        {
            FleetOutcome.Accepted => null,
            FleetOutcome.Replaced or FleetOutcome.Dropped when its.Line.Key is { } key && !(waited >= its.Line.TimeToLive) => new LineReplacedException(id, key),
            FleetOutcome.Expired or FleetOutcome.Replaced or FleetOutcome.Dropped when its.Line.TimeToLive is { } most => new LineExpiredException(id, nameof(WriteOptions.TimeToLive), most, waited),
            FleetOutcome.Expired or FleetOutcome.Replaced or FleetOutcome.Dropped => new LineExpiredException(id, nameof(LinkOptions.StoredFor), waited, waited),
            FleetOutcome.Refused => new InvalidLineException(id, $"a line: {report.Detail}"),
            _ => new LinkClosedException(id, "its memory was deleted before the line was accepted."),
        };
        if (failure is null)
            its.Result.TrySetResult();
        else
            its.Result.TrySetException(failure);
    }

    /// <summary>A line whose writer waits.</summary>
    private sealed class Waiting(FleetWrite line, TimeSpan since)
    {
        public FleetWrite Line => line;

        public TimeSpan Since => since;

        public TaskCompletionSource Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
