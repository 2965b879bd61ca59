using System.Reactive.Concurrency;
using System.Reactive.Disposables;

namespace Rx.IotLink.Time;

/// <summary>
/// Deadlines on one scheduler, with one timer for the next of them. On the default scheduler all links share one queue
/// (docs/adr/0014): thousands of idle links then wake the process a few times a second, and not for each keepalive. On
/// any other scheduler each link has its own queue, which rings at the exact tick.
/// </summary>
/// <remarks>A heap: setting and removing a deadline costs the logarithm of their number.</remarks>
#pragma warning disable CA1001 // Its timer ends with the last deadline.
internal sealed class Deadlines
#pragma warning restore CA1001
{
    /// <summary>
    /// The shortest wait on a shared clock: a timer of the system counts milliseconds.
    /// </summary>
    private static readonly TimeSpan LeastWait = TimeSpan.FromMilliseconds(1);

    private static readonly Deadlines Shared = new(DefaultScheduler.Instance, isShared: true);

    private readonly Lock gate = new();
    private readonly IStopwatch clock;
    private readonly bool isShared;

    // Each call of a generic method of an interface looks it up again; a delegate looks it up once.
    private readonly Func<Countdown, TimeSpan, Func<IScheduler, Countdown, IDisposable>, IDisposable> schedule;
    private (TimeSpan At, Deadline Deadline)[] heap = [];
    private int count;
    private Countdown? timer;
    private List<Deadline>? spare;

    private Deadlines(IScheduler scheduler, bool isShared)
    {
        (schedule, this.isShared) = (scheduler.Schedule, isShared);
        clock = scheduler.StartStopwatch();
    }

    /// <summary>Monotonic time on the scheduler.</summary>
    public TimeSpan Now => clock.Elapsed;

    /// <summary>How many there are.</summary>
    public int Count
    {
        get
        {
            lock (gate)
                return count;
        }
    }

    /// <summary>The queue of a link on this scheduler.</summary>
    public static Deadlines On(IScheduler scheduler) => ReferenceEquals(scheduler, DefaultScheduler.Instance) ? Shared : new(scheduler, isShared: false);

    public void Set(Deadline deadline)
    {
        Countdown? ended;
        Countdown? started;
        lock (gate)
        {
            if (deadline.IsOver)
                return;
            Place(deadline, deadline.Due);
            started = Arm(out ended);
        }

        Start(started, ended);
    }

    public void Remove(Deadline deadline)
    {
        Countdown? ended;
        lock (gate)
        {
            deadline.IsOver = true;
            Place(deadline, at: null);
            if (count > 0)
                return;
            (ended, timer) = (timer, null);
        }

        ended?.Dispose();
    }

    /// <summary>
    /// Makes a new timer if the first deadline is before the current one. The caller ends that one and starts this one
    /// after the lock: a scheduler must not be called under a lock, and its timers are its own code, too.
    /// </summary>
    private Countdown? Arm(out Countdown? ended)
    {
        ended = null;
        if (count == 0 || (timer is not null && timer.At <= heap[0].At))
            return null;
        ended = timer;
        return timer = new Countdown(this, heap[0].At);
    }

    private void Start(Countdown? started, Countdown? ended)
    {
        ended?.Dispose();
        if (started is null)
            return;
        // Another thread may have replaced it by now. Then it is disposed already, and disposes what it gets.
        var wait = started.At - Now;
        var least = isShared ? LeastWait : TimeSpan.Zero;
        started.Disposable = schedule(started, wait > least ? wait : least, static (_, fired) =>
        {
            fired.Queue.Fire(fired);
            return Disposable.Empty;
        });
    }

    private void Fire(Countdown fired)
    {
        Countdown? ended;
        Countdown? started;
        var due = Interlocked.Exchange(ref spare, null) ?? [];
        lock (gate)
        {
            if (timer == fired)
                timer = null;
            var now = Now;
            while (count > 0 && Earliest(heap[0]) <= now)
                TakeFirst(now, due);
            started = Arm(out ended);
        }

        Start(started, ended);
        // The work of one link must not delay another. On any other clock the work stays on the clock's thread.
        if (!isShared)
            due.ForEach(static deadline => deadline.Execute());
        else if (due is [var single])
            PoolWork.Run(single);
        else if (due.Count > 0)
            PoolWork.Run(new DueTogether([.. due]));

        due.Clear();
        spare = due;
    }

    /// <summary>The first deadline either rings, and moves to its next time, or has moved meanwhile.</summary>
    private void TakeFirst(TimeSpan now, List<Deadline> due)
    {
        var deadline = heap[0].Deadline;
        deadline.IsSoon = false;
        if (deadline.Due is { } at && (at <= now || (deadline.RingsEarly && Earliest((at, deadline)) <= now)))
        {
            deadline.Rang(now);
            due.Add(deadline);
        }

        var next = deadline.Due;
        deadline.IsSoon = next - deadline.Early <= now;
        Place(deadline, next);
    }

    private TimeSpan Earliest((TimeSpan At, Deadline Deadline) entry) => isShared && !entry.Deadline.IsSoon ? entry.At - entry.Deadline.Early : entry.At;

    /// <summary>Gives a deadline its place, or (null) none.</summary>
    private void Place(Deadline deadline, TimeSpan? at)
    {
        var index = deadline.Index;
        if (at is { } time)
        {
            if (index < 0)
            {
                if (count == heap.Length)
                    Array.Resize(ref heap, Math.Max(4, 2 * count));
                index = count++;
            }

            Sift(index, (time, deadline));
        }
        else if (index >= 0)
        {
            deadline.Index = -1;
            var last = heap[--count];
            heap[count] = default;
            if (index < count)
                Sift(index, last);
        }
    }

    private void Sift(int index, (TimeSpan At, Deadline Deadline) entry)
    {
        for (int parent; index > 0 && heap[parent = (index - 1) / 2].At > entry.At; index = parent)
            Put(index, heap[parent]);
        while (2 * index + 1 is var child && child < count)
        {
            if (child + 1 < count && heap[child + 1].At < heap[child].At)
                child++;
            if (heap[child].At >= entry.At)
                break;
            Put(index, heap[child]);
            index = child;
        }

        Put(index, entry);
    }

    private void Put(int index, (TimeSpan At, Deadline Deadline) entry) => (heap[index], entry.Deadline.Index) = (entry, index);

    /// <summary>The timer on the scheduler for the first deadline.</summary>
    private sealed class Countdown(Deadlines queue, TimeSpan at) : IDisposable
    {
        private SingleAssignmentDisposableValue waiting;

        public Deadlines Queue => queue;

        public TimeSpan At => at;

        public IDisposable? Disposable
        {
            set => waiting.Disposable = value;
        }

        public void Dispose() => waiting.Dispose();
    }
}
