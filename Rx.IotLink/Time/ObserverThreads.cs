using System.Collections.Concurrent;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;

namespace Rx.IotLink.Time;

/// <summary>
/// Where observers are called by default: threads of our own, made when all others are busy and kept for a while. Observers that block
/// therefore take no thread from the pool, on which keepalives, timeouts and sockets of all links depend.
/// </summary>
/// <remarks>The one place that adapts threads to a scheduler. At most <see cref="MaxThreads"/> threads; further work waits for one of them.</remarks>
internal sealed class ObserverThreads : LocalScheduler
{
    public const int MaxThreads = 256;

    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(20);

    private readonly BlockingCollection<Action> work = [];
    private readonly Lock gate = new();
    private int threads;

    // Work that waits or runs: while there are not too many, there is a thread for each. Idle threads are not counted, since whether one that is just
    // taking some work is idle nobody can tell.
    private int outstanding;

    private ObserverThreads()
    {
    }

    public static ObserverThreads Instance { get; } = new();

    public override IDisposable Schedule<TState>(TState state, TimeSpan dueTime, Func<IScheduler, TState, IDisposable> action)
    {
        var run = new SingleAssignmentDisposable();
        void Start() => Enqueue(() =>
        {
            if (!run.IsDisposed)
                run.Disposable = action(this, state);
        });

        if (dueTime > TimeSpan.Zero)
            return new CompositeDisposable(DefaultScheduler.Instance.Schedule(dueTime, Start), run);
        Start();
        return run;
    }

    private void Enqueue(Action action)
    {
        bool oneMore;
        lock (gate)
        {
            outstanding++;
            oneMore = outstanding > threads && threads < MaxThreads;
            if (oneMore)
                threads++;
            work.Add(action);
        }

        if (oneMore)
            new Thread(Work) { IsBackground = true, Name = "Rx.IotLink observers" }.Start();
    }

    private void Work()
    {
        while (true)
        {
            if (work.TryTake(out var action, IdleTime))
            {
                action();
                lock (gate)
                    outstanding--;
                continue;
            }

            lock (gate)
            {
                if (outstanding >= threads)
                    continue;
                threads--;
                return;
            }
        }
    }
}
