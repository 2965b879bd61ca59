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

    public void Stop() => IsStopped = true;

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
        private readonly ProcessClock clock;
        private IDisposable? waiting;
        private IDisposable? running;
        private bool waits = true;
        private bool disposed;

        protected Item(ProcessClock clock)
        {
            this.clock = clock;
            clock.Pending++;
        }

        public void Wait(IDisposable timer) => waiting = timer;

        public IDisposable Run()
        {
            Leave();
            if (disposed || clock.IsStopped)
                return Disposable.Empty;
            var result = Run(clock);
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
        }

        protected abstract IDisposable Run(IScheduler scheduler);

        private void Leave()
        {
            if (waits)
                clock.Pending--;
            waits = false;
        }
    }

    private sealed class Item<TState>(ProcessClock clock, TState state, Func<IScheduler, TState, IDisposable> action) : Item(clock)
    {
        protected override IDisposable Run(IScheduler scheduler) => action(scheduler, state);
    }
}
