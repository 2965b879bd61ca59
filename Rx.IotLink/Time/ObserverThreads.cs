using System.Reactive.Concurrency;

namespace Rx.IotLink.Time;

/// <summary>
/// Calls observers by default, on threads of our own. So observers that block take no thread from the pool, which
/// keepalives, timeouts and sockets of all links need. As many threads work as there are processors. A thread counts as
/// blocked if it is found waiting in the same piece of work twice, a millisecond apart, while other work waits; then
/// another thread replaces it. A thread that does not wait may compute, or may only need a processor on a busy machine;
/// more threads would not help. Or it is in a system call, which cannot be recognised; then it counts as blocked after
/// twenty milliseconds. <see cref="ObserverLane"/> bounds the number of threads. A thread ends when it has been idle
/// for a while.
/// </summary>
/// <remarks>With <see cref="ObserverLane"/> the one place that adapts threads to a scheduler.</remarks>
internal sealed class ObserverThreads
{
    /// <summary>How long to wait after the system has refused a thread, before asking for another.</summary>
    private static readonly TimeSpan RefusalTime = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(1);

    /// <summary>Pieces of work that a thread of the pool does before the pool gets it back.</summary>
    private const int MostWhileLent = 16;

    /// <summary>Threads of the pool that may work here at a time: half of those that it always has.</summary>
    private static readonly int MostLent = Environment.ProcessorCount / 2;

    private readonly Lock gate = new();
    private readonly Action<Thread> start;
    private readonly Queue<(IWork Work, ObserverLane Lane)> waiting = new();

    // The thread that became idle last is chosen first.
    private readonly List<Worker> idle = [];
    private readonly List<Worker> workers = [];
    private readonly int wanted = Environment.ProcessorCount;

    // Threads that work and do not count as blocked.
    private int active;
    private bool watching;
    private bool refused;

    // Threads of the pool that work here now, and a place for the next of them.
    private int lent;
    private Worker? spare;

    private readonly string name;

    /// <summary>Threads of their own, for tests; all links share <see cref="Instance"/>.</summary>
    /// <param name="name">The name of each thread.</param>
    /// <param name="start">Starts a thread, or throws because the system has no more.</param>
    internal ObserverThreads(string name = "Rx.IotLink observers", Action<Thread>? start = null) =>
        (this.name, this.start) = (name, start ?? (static thread => thread.Start()));

    public static ObserverThreads Instance { get; } = new();

    /// <summary>
    /// Threads of the same kind for session stores. A store that blocks takes no thread from an observer, and an
    /// observer takes none from a store. There is one lane, without a bound: each link and each opening has at most one
    /// piece of work here.
    /// </summary>
    public static ObserverLane Stores { get; } = new(new ObserverThreads("Rx.IotLink stores"), most: int.MaxValue);

    public ObserverLane NewLane() => new(this);

    /// <summary>Queues a piece of work of a lane, without an allocation.</summary>
    public void Enqueue(IWork work, ObserverLane lane)
    {
        Worker? chosen;
        lock (gate)
        {
            if (!lane.TryAdmit(work))
                return;
            if (active < wanted && TryChoose(work, lane) is { } free)
            {
                chosen = free;
            }
            else
            {
                waiting.Enqueue((work, lane));
                chosen = TryChooseWatch();
            }
        }

        Go(chosen);
    }

    /// <summary>
    /// Runs a piece of work on this thread, which belongs to the pool and has nothing else to do: that saves a change
    /// of thread. It does other work that waits, too, since a thread that was woken for it comes later. False: half of
    /// the pool's least number of threads is lent already: those could all block.
    /// </summary>
    public bool TryRunHere(IWork work, ObserverLane lane)
    {
        Worker borrowed;
        lock (gate)
        {
            if (lent >= MostLent || !lane.TryAdmit())
                return false;
            lent++;
            active++;
            borrowed = spare ?? new Worker(this);
            spare = null;
            borrowed.Begin(work, lane);
            borrowed.Borrow(Thread.CurrentThread);
            workers.Add(borrowed);
        }

        var left = MostWhileLent;
        do
            borrowed.Work.Run();
        while (TryContinueLent(borrowed, --left));
        return true;
    }

    /// <summary>Gives a lent thread that has finished its next work. False: it is the pool's again.</summary>
    private bool TryContinueLent(Worker borrowed, int left)
    {
        Worker? chosen = null;
        lock (gate)
        {
            if (borrowed.Lane!.Done() is { } follower)
                waiting.Enqueue((follower, borrowed.Lane));
            var counted = borrowed.End();
            active -= counted ? 1 : 0;
            if (waiting.TryPeek(out var next))
            {
                if (counted && left > 0)
                {
                    waiting.Dequeue();
                    borrowed.Begin(next.Work, next.Lane);
                    active++;
                    return true;
                }

                chosen = active < wanted ? TryChoose(next.Work, next.Lane) : null;
                if (chosen is not null)
                    waiting.Dequeue();
            }

            workers.Remove(borrowed);
            lent--;
            spare = borrowed;
        }

        Go(chosen);
        return false;
    }

    /// <summary>
    /// A thread that watches the working threads, if there is none yet. Null: there is one, or the system has no more.
    /// </summary>
    private Worker? TryChooseWatch()
    {
        var chosen = watching ? null : TryChoose(new ActionWork(Watch), lane: null);
        watching |= chosen is not null;
        return chosen;
    }

    /// <summary>
    /// A thread for a piece of work: the one that became idle last, or a new one. Null: the system has no more threads.
    /// </summary>
    /// <param name="work">The work.</param>
    /// <param name="lane">The lane of the work; null: our own work, which does not count as active.</param>
    private Worker? TryChoose(IWork work, ObserverLane? lane)
    {
        Worker worker;
        if (idle.Count > 0)
        {
            worker = idle[^1];
            idle.RemoveAt(idle.Count - 1);
        }
        else
        {
            if (refused)
                return null;
            worker = new Worker(this);
            workers.Add(worker);
        }

        worker.Begin(work, lane);
        active += lane is null ? 0 : 1;
        return worker;
    }

    private void Go(Worker? chosen)
    {
        if (chosen is null)
            return;
        try
        {
            chosen.Go();
        }
        catch (Exception exception) when (exception is OutOfMemoryException or ThreadStartException)
        {
            Refused(chosen);
        }
    }

    /// <summary>
    /// The system has no thread for it. The work waits for one of the others, or for the next attempt.
    /// </summary>
    private void Refused(Worker without)
    {
        lock (gate)
        {
            workers.Remove(without);
            if (without.Lane is { } lane)
                waiting.Enqueue((without.Work, lane));
            else
                watching = false;
            active -= without.End() ? 1 : 0;
            refused = true;
        }

        DefaultScheduler.Instance.Schedule(RefusalTime, AskAgain);
    }

    private void AskAgain()
    {
        Worker? chosen;
        lock (gate)
        {
            refused = false;
            chosen = waiting.Count > 0 ? TryChooseWatch() : null;
        }

        Go(chosen);
    }

    /// <summary>While work waits: finds blocked threads, and replaces them.</summary>
    private void Watch()
    {
        using var never = new SemaphoreSlim(0);
        while (true)
        {
            never.Wait(BetweenLooks);
            List<Worker> chosen = [];
            bool goesOn;
            lock (gate)
            {
                foreach (var worker in workers)
                    active -= worker.IsFoundBlocked() ? 1 : 0;
                while (active < wanted && waiting.TryPeek(out var next) && TryChoose(next.Work, next.Lane) is { } worker)
                {
                    waiting.Dequeue();
                    chosen.Add(worker);
                }

                // If there is no other thread, this one takes the work itself, like any thread that has finished.
                var isLast = active < wanted;
                goesOn = watching = waiting.Count > 0 && !isLast;
            }

            chosen.ForEach(Go);
            if (!goesOn)
                return;
        }
    }

    /// <summary>Gives a thread that has finished its next work. False: there is none.</summary>
    private bool TryContinue(Worker worker)
    {
        lock (gate)
        {
            if (worker.Lane is { } lane && lane.Done() is { } follower)
                waiting.Enqueue((follower, lane));
            active -= worker.End() ? 1 : 0;
            if (active < wanted && waiting.TryDequeue(out var next))
            {
                worker.Begin(next.Work, next.Lane);
                active++;
                return true;
            }

            // If there was no thread to watch, the first free thread does.
            if (waiting.Count > 0 && !watching)
            {
                watching = true;
                worker.Begin(new ActionWork(Watch), of: null);
                return true;
            }

            idle.Add(worker);
            return false;
        }
    }

    /// <summary>Whether an idle thread may end: it was not chosen meanwhile.</summary>
    private bool MayEnd(Worker worker)
    {
        lock (gate)
        {
            if (!worker.IsIdle)
                return false;
            workers.Remove(worker);
            idle.Remove(worker);
            return true;
        }
    }

    /// <summary>The evidence that a thread is blocked in its piece of work.</summary>
    internal struct Suspicion
    {
        private const int Waits = 2;
        private const int Looks = 20;

        private int looks;
        private int waiting;

        /// <summary>Adds one more look. Gives whether the thread counts as blocked now.</summary>
        /// <param name="waits">Whether it was found waiting.</param>
        public bool IsProven(bool waits)
        {
            looks++;
            waiting = waits ? waiting + 1 : 0;
            return waiting >= Waits || looks >= Looks;
        }
    }

    /// <summary>One thread. Its state is guarded by the lock of all.</summary>
    private sealed class Worker(ObserverThreads threads) : IDisposable
    {
        private readonly SemaphoreSlim chosen = new(0);
        private Thread? thread;
        private IWork? work;
        private ObserverLane? lane;
        private bool counted;
        private Suspicion suspicion;
        private volatile bool isAwake;

        public bool IsIdle => work is null;

        public IWork Work => work!;

        /// <summary>The lane of its work; null: our own work.</summary>
        public ObserverLane? Lane => lane;

        public void Begin(IWork next, ObserverLane? of) => (work, lane, counted, suspicion) = (next, of, of is not null, default);

        /// <summary>It stands for a thread of the pool.</summary>
        public void Borrow(Thread current) => (thread, isAwake) = (current, true);

        /// <summary>Gives whether it counted as active until now.</summary>
        public bool End()
        {
            (work, lane) = (null, null);
            return counted;
        }

        /// <summary>Checks whether it is blocked in its piece of work; if so, it no longer counts as active.</summary>
        public bool IsFoundBlocked()
        {
            if (!counted)
                return false;
            // Before it has woken up, it seems to wait to be chosen, but it was chosen already.
            counted = !suspicion.IsProven(waits: isAwake && thread!.ThreadState.HasFlag(ThreadState.WaitSleepJoin));
            return !counted;
        }

        /// <summary>Starts with the work it was chosen for.</summary>
        public void Go()
        {
            if (thread is not null)
            {
                chosen.Release();
                return;
            }

            thread = new Thread(DoWork) { IsBackground = true, Name = threads.name };
            threads.start(thread);
        }

        public void Dispose() => chosen.Dispose();

        private void DoWork()
        {
            do
            {
                isAwake = true;
                do
                    work!.Run();
                while (threads.TryContinue(this));
                isAwake = false;
            }
            while (IsChosenAgain());
            Dispose();
        }

        private bool IsChosenAgain()
        {
            while (!chosen.Wait(IdleTime))
            {
                if (threads.MayEnd(this))
                    return false;
            }

            return true;
        }
    }
}

internal sealed class ActionWork(Action action) : IWork
{
    public void Run() => action();
}

/// <summary>Something to be done on another thread.</summary>
internal interface IWork
{
    void Run();
}
