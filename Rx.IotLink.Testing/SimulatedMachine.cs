using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using Rx.IotLink.Testing.Simulation;

namespace Rx.IotLink.Testing;

/// <summary>A machine with one process on it, which can crash and start again.</summary>
public abstract class SimulatedMachine : FaultTarget
{
    private readonly int driftPartsPerMillion;
    private readonly SimulatedHandlers handlers;
    private int crashes;

    private protected SimulatedMachine(SimulatedNetwork network, string name, int driftPartsPerMillion)
        : base(network, name)
    {
        if (driftPartsPerMillion is < -100_000 or > 100_000)
            throw new ArgumentOutOfRangeException(nameof(driftPartsPerMillion), driftPartsPerMillion, "A clock drifts by at most 100,000 parts per million either way.");
        this.driftPartsPerMillion = driftPartsPerMillion;
        Clock = new ProcessClock(network.Clock, driftPartsPerMillion);
        OwnDisk = new(() => Clock);
        handlers = new(() => Clock, new Random(network.SeedOf(name, part: -1)));
    }

    /// <summary>
    /// The clock of the current process, or of the last one. Use it for all code in that process. It stops for good
    /// when the process crashes; the next process has its own clock.
    /// </summary>
    public IScheduler Scheduler => Clock;

    /// <summary>How often it has started.</summary>
    public int Starts { get; private set; }

    /// <summary>Whether its process runs.</summary>
    public bool IsRunning { get; private set; }

    /// <summary>Timers and actions of its process that have neither run nor been cancelled.</summary>
    public int PendingTimers => Clock.IsStopped ? 0 : Clock.Pending;

    internal SimulatedDisk OwnDisk { get; }

    internal ProcessClock Clock { get; private set; }

    /// <summary>Whether it has no power.</summary>
    internal bool IsOff { get; private set; }

    /// <summary>The process ends, and starts again later.</summary>
    /// <param name="at">When, since the start of the network.</param>
    /// <param name="lasting">How long it is away.</param>
    /// <param name="memory">What the next process finds of the memory. Default: nothing.</param>
    /// <param name="how">How it ends. Default: it is killed, and its machine continues.</param>
    public Fault Crashes(TimeSpan at, TimeSpan lasting, MemoryAfterCrash memory = MemoryAfterCrash.Lost, CrashKind how = CrashKind.Killed) =>
        Plan(Fault.Crash(Name, at, lasting, memory, how));

    /// <inheritdoc cref="Fault.Disk"/>
    public Fault DiskBreaks(TimeSpan at, TimeSpan lasting, DiskFault how = DiskFault.Fails) => Plan(Fault.Disk(Name, at, lasting, how));

    /// <inheritdoc cref="Fault.Handler"/>
    public Fault HandlerBreaks(TimeSpan at, TimeSpan lasting, HandlerFault how = HandlerFault.Throws) => Plan(Fault.Handler(Name, at, lasting, how));

    /// <summary>
    /// A handler of this machine's application, for <c>Process</c>, that goes wrong while a fault says so.
    /// </summary>
    public Func<ReceivedLine, CancellationToken, Task> Breakable(Func<ReceivedLine, CancellationToken, Task> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return (line, cancellationToken) => handlers.RunAsync(line, handler, cancellationToken);
    }

    /// <summary>
    /// Lines of <see cref="ILink.Received"/> for this machine's application. Their acceptance goes wrong while a fault
    /// says so.
    /// </summary>
    public IObservable<ReceivedLine> Breakable(IObservable<ReceivedLine> received)
    {
        ArgumentNullException.ThrowIfNull(received);
        return received.Select(handlers.Wrap);
    }

    internal void Start()
    {
        if (Starts > 0)
            Clock = new ProcessClock(Network.Clock, driftPartsPerMillion);
        Starts++;
        IsRunning = true;
        SimulatedNetwork.WithoutContext(() => StartProcess(Network.SeedOf(Name, Starts)));
    }

    /// <summary>Ends the process for good, in order.</summary>
    internal void Stop()
    {
        if (IsRunning)
            SimulatedNetwork.WithoutContext(StopProcess);
        IsRunning = false;
    }

    internal override IDisposable Begin(Fault fault) => fault.Kind switch
    {
        FaultKind.Crash => Crash(fault),
        FaultKind.Disk => OwnDisk.Begin(fault.OfDisk),
        FaultKind.Handler => handlers.Begin(fault.OfHandler),
        _ => base.Begin(fault),
    };

    private protected abstract void StartProcess(int seed);

    /// <summary>Closes the client or server of the process.</summary>
    private protected abstract void StopProcess();

    /// <summary>The process has ended.</summary>
    private protected abstract void CutOff(bool powerLost);

    private protected abstract void PowerIsBack();

    private protected abstract void Remember(MemoryAfterCrash memory);

    private IDisposable Crash(Fault fault)
    {
        // A machine that is down stays down until the last of its crashes is over.
        crashes++;
        if (IsRunning)
        {
            if (fault.Crashing == CrashKind.Stopped)
                StopProcess();
            IsRunning = false;
            Clock.Stop();
            IsOff = fault.Crashing == CrashKind.PowerLost;
            Network.Crashed(this, fault);
            if (fault.Crashing != CrashKind.Stopped)
                CutOff(IsOff);
            if (IsOff)
                OwnDisk.LosePower();
            handlers.Forget();
            Remember(fault.Memory);
        }

        return Disposable.Create(() =>
        {
            if (--crashes > 0 || Network.IsClosed)
                return;
            if (IsOff)
            {
                IsOff = false;
                PowerIsBack();
            }

            Start();
        });
    }
}
