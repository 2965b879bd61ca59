using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using Rx.IotLink.Testing.Simulation;

namespace Rx.IotLink.Testing;

/// <summary>A machine with one process on it, which can crash and start again.</summary>
public abstract class SimulatedMachine : FaultTarget
{
    private readonly int driftPartsPerMillion;
    private int crashes;

    private protected SimulatedMachine(SimulatedNetwork network, string name, int driftPartsPerMillion)
        : base(network, name)
    {
        if (driftPartsPerMillion is < -100_000 or > 100_000)
            throw new ArgumentOutOfRangeException(nameof(driftPartsPerMillion), driftPartsPerMillion, "A clock drifts by at most 100,000 parts per million either way.");
        this.driftPartsPerMillion = driftPartsPerMillion;
        Clock = new ProcessClock(network.Clock, driftPartsPerMillion);
        OwnDisk = new(() => Clock);
    }

    /// <summary>
    /// The clock of the process that runs, or ran last: give it to whatever runs in that process. It stops for ever
    /// when the process crashes; the next one has its own.
    /// </summary>
    public IScheduler Scheduler => Clock;

    /// <summary>How often it has started.</summary>
    public int Starts { get; private set; }

    /// <summary>Whether its process runs.</summary>
    public bool IsRunning { get; private set; }

    /// <summary>Timers and actions that its process has scheduled and that are neither done nor given up.</summary>
    public int PendingTimers => Clock.IsStopped ? 0 : Clock.Pending;

    internal SimulatedDisk OwnDisk { get; }

    internal ProcessClock Clock { get; private set; }

    /// <summary>Whether it has no power.</summary>
    internal bool IsOff { get; private set; }

    /// <summary>The process ends, and starts again later.</summary>
    /// <param name="at">When, since the network began.</param>
    /// <param name="lasting">How long it is away.</param>
    /// <param name="memory">What it finds of its memory. Default: nothing.</param>
    /// <param name="how">How it ends. Default: it is killed, and its machine lives on.</param>
    public Fault Crashes(TimeSpan at, TimeSpan lasting, MemoryAfterCrash memory = MemoryAfterCrash.Lost, CrashKind how = CrashKind.Killed) =>
        Plan(Fault.Crash(Name, at, lasting, memory, how));

    /// <inheritdoc cref="Fault.Disk"/>
    public Fault DiskBreaks(TimeSpan at, TimeSpan lasting, DiskFault how = DiskFault.Fails) => Plan(Fault.Disk(Name, at, lasting, how));

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
        _ => base.Begin(fault),
    };

    private protected abstract void StartProcess(int seed);

    /// <summary>Closes what the process holds.</summary>
    private protected abstract void StopProcess();

    /// <summary>The process is no more.</summary>
    private protected abstract void CutOff(bool powerLost);

    private protected abstract void PowerIsBack();

    private protected abstract void Remember(MemoryAfterCrash memory);

    private IDisposable Crash(Fault fault)
    {
        // A machine that is down already stays so until the last of its crashes is over.
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
