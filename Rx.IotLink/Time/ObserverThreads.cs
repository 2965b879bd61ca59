using System.Reactive.Concurrency;
using System.Reactive.Disposables;

namespace Rx.IotLink.Time;

/// <summary>
/// Where observers are called by default: threads of our own, so that observers that block take no thread from the pool, on which keepalives, timeouts
/// and sockets of all links depend. As many threads work as there are processors; one that is found waiting in the same piece of work twice, a millisecond apart, while other work waits is taken
/// for blocked, and another thread takes its place. A thread that does not wait may compute, or want nothing but a processor on a busy machine, and more threads would help neither; or it is in a call of
/// the system, which nobody can tell: it counts as blocked after twenty milliseconds. At most <see cref="MaxThreads"/>; they end when they have been idle for a while.
/// </summary>
/// <remarks>The one place that adapts threads to a scheduler.</remarks>
internal sealed class ObserverThreads : LocalScheduler
{
    public const int MaxThreads = 256;

    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(1);

    private readonly Lock gate = new();
    private readonly Queue<IWork> waiting = new();
    private readonly Stack<Worker> idle = new();
    private readonly List<Worker> workers = [];
    private readonly int wanted = Environment.ProcessorCount;

    // Threads that work and are not taken for blocked.
    private int active;
    private bool watching;

    private readonly string name = "Rx.IotLink observers";

    private ObserverThreads()
    {
    }

    private ObserverThreads(string name) => this.name = name;

    public static ObserverThreads Instance { get; } = new();

    /// <summary>
    /// Threads of the same kind for session stores: one that blocks takes no thread from an observer, nor the other
    /// way round.
    /// </summary>
    public static ObserverThreads Stores { get; } = new("Rx.IotLink stores");

    public override IDisposable Schedule<TState>(TState state, TimeSpan dueTime, Func<IScheduler, TState, IDisposable> action)
    {
        var run = new SingleAssignmentDisposable();
        void Start() => Enqueue(new ActionWork(() =>
        {
            if (!run.IsDisposed)
                run.Disposable = action(this, state);
        }));

        if (dueTime > TimeSpan.Zero)
            return new CompositeDisposable(DefaultScheduler.Instance.Schedule(dueTime, Start), run);
        Start();
        return run;
    }

    /// <summary>Has a piece of work done, without an allocation.</summary>
    public void Enqueue(IWork work)
    {
        Worker? chosen;
        lock (gate)
        {
            if (active < wanted && TryChoose(work, counted: true) is { } free)
            {
                chosen = free;
            }
            else
            {
                waiting.Enqueue(work);
                chosen = watching ? null : TryChoose(new ActionWork(Watch), counted: false);
                watching |= chosen is not null;
            }
        }

        chosen?.Go();
    }

    /// <summary>A thread for a piece of work: the one that became idle last, or a new one. Null: there are too many.</summary>
    private Worker? TryChoose(IWork work, bool counted)
    {
        if (!idle.TryPop(out var worker))
        {
            if (workers.Count >= MaxThreads)
                return null;
            worker = new Worker(this);
            workers.Add(worker);
        }

        worker.Begin(work, counted);
        active += counted ? 1 : 0;
        return worker;
    }

    /// <summary>While work waits: finds the threads that are blocked, and has others take their place.</summary>
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
                while (active < wanted && waiting.TryPeek(out var work) && TryChoose(work, counted: true) is { } worker)
                {
                    waiting.Dequeue();
                    chosen.Add(worker);
                }

                // Where no other thread is to be had, this one is the last: it takes the work itself, as any that has finished.
                var isLast = active < wanted;
                goesOn = watching = waiting.Count > 0 && !isLast;
            }

            chosen.ForEach(worker => worker.Go());
            if (!goesOn)
                return;
        }
    }

    /// <summary>What a thread does that has finished its work. False: there is nothing.</summary>
    private bool TryContinue(Worker worker)
    {
        lock (gate)
        {
            active -= worker.End() ? 1 : 0;
            if (active < wanted && waiting.TryDequeue(out var work))
            {
                worker.Begin(work, counts: true);
                active++;
                return true;
            }

            // Where there were too many threads for one that watches, the first that is free does.
            if (waiting.Count > 0 && !watching)
            {
                watching = true;
                worker.Begin(new ActionWork(Watch), counts: false);
                return true;
            }

            idle.Push(worker);
            return false;
        }
    }

    /// <summary>Whether an idle thread may end: nobody has chosen it meanwhile.</summary>
    private bool MayEnd(Worker worker)
    {
        lock (gate)
        {
            if (!worker.IsIdle)
                return false;
            workers.Remove(worker);
            var others = idle.Where(w => w != worker).Reverse().ToList();
            idle.Clear();
            others.ForEach(idle.Push);
            return true;
        }
    }

    /// <summary>What speaks for a thread being blocked in its piece of work.</summary>
    internal struct Suspicion
    {
        private const int Waits = 2;
        private const int Looks = 20;

        private int looks;
        private int waiting;

        /// <summary>Looked at once more: whether it is taken for blocked now.</summary>
        /// <param name="waits">Whether it was found waiting.</param>
        public bool IsProven(bool waits)
        {
            looks++;
            waiting = waits ? waiting + 1 : 0;
            return waiting >= Waits || looks >= Looks;
        }
    }

    private sealed class ActionWork(Action action) : IWork
    {
        public void Run() => action();
    }

    /// <summary>One thread. Its state is guarded by the lock of all.</summary>
    private sealed class Worker(ObserverThreads threads) : IDisposable
    {
        private readonly SemaphoreSlim chosen = new(0);
        private Thread? thread;
        private IWork? work;
        private bool counted;
        private Suspicion suspicion;
        private volatile bool isAwake;

        public bool IsIdle => work is null;

        public void Begin(IWork next, bool counts) => (work, counted, suspicion) = (next, counts, default);

        /// <summary>Gives whether it was counted among the active ones until now.</summary>
        public bool End()
        {
            work = null;
            return counted;
        }

        /// <summary>Looks whether it is blocked in its piece of work; if so, it counts as active no more.</summary>
        public bool IsFoundBlocked()
        {
            if (!counted)
                return false;
            // Before it has woken up it waits to be chosen, which it was.
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

            thread = new Thread(Work) { IsBackground = true, Name = threads.name };
            thread.Start();
        }

        public void Dispose() => chosen.Dispose();

        private void Work()
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

/// <summary>Something to be done on another thread.</summary>
internal interface IWork
{
    void Run();
}
