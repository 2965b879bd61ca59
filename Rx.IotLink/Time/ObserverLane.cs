using System.Reactive.Concurrency;
using System.Reactive.Disposables;

namespace Rx.IotLink.Time;

/// <summary>
/// Calls the observers of one link, or of one stream of a server, by default. It uses at most <see cref="MaxThreads"/>
/// threads at a time; further work waits for one of them. So a link whose observers block takes no threads from others,
/// and there is no bound for the threads of all links together.
/// </summary>
/// <param name="threads">The threads that it uses.</param>
/// <param name="most">How many of them at a time.</param>
internal sealed class ObserverLane(ObserverThreads threads, int most = ObserverLane.MaxThreads) : IScheduler
{
    /// <summary>Usually more than the streams of a link have observers.</summary>
    public const int MaxThreads = 16;

    // Guarded by the lock of the threads: the work that has a thread or waits for one, and the work that waits here.
    private int admitted;
    private Queue<IWork>? waiting;

    public DateTimeOffset Now => DefaultScheduler.Instance.Now;

    public IDisposable Schedule<TState>(TState state, Func<IScheduler, TState, IDisposable> action) => Schedule(state, TimeSpan.Zero, action);

    public IDisposable Schedule<TState>(TState state, DateTimeOffset dueTime, Func<IScheduler, TState, IDisposable> action) => Schedule(state, dueTime - Now, action);

    public IDisposable Schedule<TState>(TState state, TimeSpan dueTime, Func<IScheduler, TState, IDisposable> action)
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

    /// <summary>Queues a piece of work, without an allocation.</summary>
    public void Enqueue(IWork work) => threads.Enqueue(work, this);

    /// <summary>
    /// Runs a piece of work on this thread, which belongs to the pool. False: too many such threads are lent.
    /// </summary>
    public bool TryRunHere(IWork work) => threads.TryRunHere(work, this);

    /// <summary>Whether a piece of work may have a thread at once. Under the lock of the threads.</summary>
    public bool TryAdmit() => admitted < most && ++admitted > 0;

    /// <summary>
    /// Whether a piece of work may have a thread; otherwise it waits here. Under the lock of the threads.
    /// </summary>
    public bool TryAdmit(IWork work)
    {
        if (admitted < most)
        {
            admitted++;
            return true;
        }

        (waiting ??= new()).Enqueue(work);
        return false;
    }

    /// <summary>
    /// A piece of work is done. Gives the next one, if there is one. Under the lock of the threads.
    /// </summary>
    public IWork? Done()
    {
        if (waiting is not null && waiting.TryDequeue(out var next))
            return next;
        (waiting, admitted) = (null, admitted - 1);
        return null;
    }
}
