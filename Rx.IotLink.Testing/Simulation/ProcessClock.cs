using System.Reactive.Concurrency;
using System.Reactive.Disposables;

namespace Rx.IotLink.Testing.Simulation;

/// <summary>
/// The clock of one process: the network's clock with the drift of its machine. When the process ends, nothing that it
/// had scheduled runs any more: so a crash stops all code of the process.
/// </summary>
internal sealed class ProcessClock : IScheduler, IStopwatchProvider, IServiceProvider
{
    private const long Million = 1_000_000;

    private readonly IScheduler network;
    private readonly int drift;
    private readonly DateTimeOffset origin;

    // What waits, in no order.
    private Item? first;

    // Each call of a generic method of an interface looks it up again; a delegate looks it up once.
    private readonly Func<Item, TimeSpan, Func<IScheduler, Item, IDisposable>, IDisposable> onTheNetwork;

    public ProcessClock(IScheduler network, int driftPartsPerMillion)
    {
        (this.network, drift, origin, onTheNetwork) = (network, driftPartsPerMillion, network.Now, network.Schedule);
    }

    /// <summary>Timers and actions that have neither run nor been cancelled.</summary>
    public int Pending { get; private set; }

    /// <summary>Whether the process has ended.</summary>
    public bool IsStopped { get; private set; }

    public DateTimeOffset Now => origin + Elapsed;

    private TimeSpan Elapsed => Here(network.Now - origin);

    /// <summary>
    /// The process has ended. What it had scheduled is let go at once: the network's clock may hold a timer for a
    /// day, and nothing of the process must be held with it.
    /// </summary>
    public void Stop()
    {
        IsStopped = true;
        while (first is { } item)
        {
            item.Leave();
            item.LetGo();
        }
    }

    public IDisposable Schedule<TState>(TState state, Func<IScheduler, TState, IDisposable> action) => Schedule(state, TimeSpan.Zero, action);

    public IDisposable Schedule<TState>(TState state, TimeSpan dueTime, Func<IScheduler, TState, IDisposable> action)
    {
        if (IsStopped)
            return Disposable.Empty;
        var item = new Item<TState>(this, state, action);
        item.Wait(onTheNetwork(item, OnTheNetwork(dueTime), static (_, i) => i.Run()));
        return item;
    }

    public IDisposable Schedule<TState>(TState state, DateTimeOffset dueTime, Func<IScheduler, TState, IDisposable> action) => Schedule(state, dueTime - Now, action);

    public IStopwatch StartStopwatch() => new Stopwatch(this);

    object? IServiceProvider.GetService(Type serviceType) => serviceType == typeof(IStopwatchProvider) ? this : null;

    /// <summary>Converts a time of the network's clock to this clock.</summary>
    public TimeSpan Here(TimeSpan time) => drift == 0 ? time : new TimeSpan(time.Ticks + Share(time.Ticks, drift, Million));

    // Rounded up, while the other direction is rounded down: a timer never rings before its time has passed here.
    private TimeSpan OnTheNetwork(TimeSpan time) =>
        drift == 0 || time <= TimeSpan.Zero ? time : new TimeSpan(time.Ticks - Share(time.Ticks, drift, Million + drift));

    /// <summary>A fraction of a number, rounded down; no intermediate product exceeds a long.</summary>
    private static long Share(long of, long parts, long whole)
    {
        var (rounds, rest) = Math.DivRem(of, whole);
        var (share, left) = Math.DivRem(rest * parts, whole);
        return (rounds * parts) + (left < 0 ? share - 1 : share);
    }

    private sealed class Stopwatch(ProcessClock clock) : IStopwatch
    {
        private readonly TimeSpan started = clock.Elapsed;

        public TimeSpan Elapsed => clock.Elapsed - started;
    }

    private abstract class Item : IDisposable
    {
        // Null: it never runs any more. Whatever else belongs to the process hangs on its clock.
        private ProcessClock? clock;
        private IDisposable? waiting;
        private IDisposable? running;
        private bool waits = true;
        private bool disposed;
        private Item? before;
        private Item? next;

        protected Item(ProcessClock clock)
        {
            this.clock = clock;
            clock.Pending++;
            next = clock.first;
            next?.before = this;
            clock.first = this;
        }

        public void Wait(IDisposable timer) => waiting = timer;

        public IDisposable Run()
        {
            var runsOn = clock;
            Leave();
            if (disposed || runsOn is not { IsStopped: false })
                return Disposable.Empty;
            var result = Run(runsOn);
            if (disposed)
                result.Dispose();
            else
                running = result;
            return Disposable.Empty;
        }

        public void Dispose()
        {
            if (disposed)
                return;
            disposed = true;
            Leave();
            waiting?.Dispose();
            running?.Dispose();
            LetGo();
        }

        /// <summary>It never runs any more.</summary>
        public virtual void LetGo() => clock = null;

        protected abstract IDisposable Run(IScheduler scheduler);

        /// <summary>It does not wait any more.</summary>
        public void Leave()
        {
            if (!waits)
                return;
            waits = false;
            clock!.Pending--;
            if (before is null)
                clock.first = next;
            else
                before.next = next;
            next?.before = before;
            (before, next) = (null, null);
        }
    }

    private sealed class Item<TState>(ProcessClock clock, TState state, Func<IScheduler, TState, IDisposable> action) : Item(clock)
    {
        private TState? state = state;
        private Func<IScheduler, TState, IDisposable>? action = action;

        public override void LetGo()
        {
            base.LetGo();
            (state, action) = (default, null);
        }

        protected override IDisposable Run(IScheduler scheduler) => action!(scheduler, state!);
    }
}
