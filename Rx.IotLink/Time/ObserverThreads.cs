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
    private int idle;

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
            // What waits is counted against the idle threads, since they may not have woken up yet.
            oneMore = work.Count >= idle && threads < MaxThreads;
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
            lock (gate)
                idle++;
            var got = work.TryTake(out var action, IdleTime);
            lock (gate)
            {
                idle--;
                // Looked at again under the lock, so that no work is left without a thread.
                if (!got && work.Count == 0)
                {
                    threads--;
                    return;
                }
            }

            action?.Invoke();
        }
    }
}
