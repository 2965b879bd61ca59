using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Rx.IotLink.Nano;
using Rx.IotLink.Nano.Bridge;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Bridge;

/// <summary>
/// The transport of a host: connections to the server through a bridge on a serial line. Give it to
/// <see cref="IotLinkClientOptions.Transport"/>. Session and key are those of the client, so a bridge that crashes, is
/// reset or replaced costs an outage and no line. Dispose of it after the client.
/// </summary>
public sealed class BridgeTransport : ITransport, IAsyncDisposable
{
    private static readonly TimeSpan ResetPulse = TimeSpan.FromMilliseconds(200);

    private readonly BridgeTransportOptions options;
    private readonly HostMachine host;
    private readonly Wire wire;
    private readonly Broadcast<BridgeStatus> status;
    private readonly Broadcast<BridgeReport> reports;
    private readonly Lock gate = new();
    private readonly Faults faults = new();
    private BridgeAttempt? attempt;
    private Exception? portFault;
    private bool portKnown;
    private BridgeStatus last = new(BridgeState.Starting);
    private string resetFault = "";
    private int reportsSeen;
    private bool disposed;

    private BridgeTransport(BridgeTransportOptions options)
    {
        this.options = options;
        host = new(options.Frames, options.Configuration, new SystemRandom());
        status = new(TaskPoolScheduler.Default, Replay.Latest, 64, nameof(Status), faults);
        reports = new(TaskPoolScheduler.Default, Replay.Nothing, 64, nameof(Reports), faults);
        status.Post(last);
        wire = new(host, options.Wire, options.Scheduler, Changed, PortChanged);
    }

    /// <summary>How far the way to the server goes: the present state first, then each change.</summary>
    public IObservable<BridgeStatus> Status => status;

    /// <summary>The bridge's reports, if <see cref="BridgeTransportOptions.ReportInterval"/> asks for them.</summary>
    public IObservable<BridgeReport> Reports => reports;

    /// <summary>What was counted on the wire.</summary>
    public BridgeCounters Counters
    {
        get
        {
            lock (wire.Gate)
                return new(host.Frames, host.BadFrames, host.Repeated, host.Sessions, host.Resets);
        }
    }

    /// <summary>How often an observer of this transport threw.</summary>
    public int ObserverFailures => faults.Count;

    /// <summary>Opens the port, and looks for the bridge from now on.</summary>
    /// <exception cref="ArgumentException">An option is wrong; the message names it.</exception>
    public static BridgeTransport Start(BridgeTransportOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var transport = new BridgeTransport(options);
        transport.wire.Start();
        return transport;
    }

    /// <inheritdoc/>
    public IObservable<IConnection> Connect() => Observable.Create<IConnection>(Begin);

    /// <summary>Resets the bridge: asks it to restart, and pulses the reset line. Returns after the pulse.</summary>
    public async Task RebootAsync()
    {
        lock (wire.Gate)
        {
            host.Reboot(wire.Now);
            host.TakeReset();
        }

        wire.Poke();
        Changed();
        await PulseAsync().ConfigureAwait(false);
    }

    /// <summary>Closes the port. A connection that is open ends.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (gate)
        {
            if (disposed)
                return;
            disposed = true;
        }

        await wire.DisposeAsync().ConfigureAwait(false);
        Current?.Fail(new ObjectDisposedException(nameof(BridgeTransport)));
        status.End();
        reports.End();
        status.Publish();
        reports.Publish();
    }

    private BridgeAttempt? Current
    {
        get
        {
            lock (gate)
                return attempt;
        }
    }

    private IDisposable Begin(IObserver<IConnection> observer)
    {
        BridgeAttempt begun;
        Exception? fault;
        BridgeAttempt? before;
        lock (wire.Gate)
            begun = new(observer, wire, host, host.Open(options.Host, options.Port), Where, options.Scheduler);
        lock (gate)
        {
            (before, attempt) = (attempt, begun);
            fault = disposed ? new ObjectDisposedException(nameof(BridgeTransport)) : portKnown ? portFault : null;
        }

        before?.Changed();
        if (fault is not null)
            begun.Fail(fault);
        wire.Poke();
        Changed();
        return begun;
    }

    private string Where => options.Host.Length > 0 ? $"{options.Host}:{options.Port}" : "the bridge's server";

    private void PortChanged(Exception? fault)
    {
        lock (gate)
            (portFault, portKnown) = (fault, true);
        if (fault is not null)
            Current?.Fail(fault as IOException ?? new IOException(fault.Message, fault));
        Changed();
    }

    private void Changed()
    {
        Current?.Changed();
        bool mustReset;
        BridgeReport? report = null;
        lock (wire.Gate)
        {
            mustReset = host.TakeReset();
            if (host.ReportCount != reportsSeen)
                (reportsSeen, report) = (host.ReportCount, new(host.BridgeConnects, host.ReportNumber, host.BridgeMemory));
        }

        if (report is not null)
            reports.Post(report);
        Tell();
        reports.Publish();
        if (mustReset)
            _ = PulseAsync();
    }

    private void Tell()
    {
        lock (gate)
        {
            var now = StatusNow();
            if (now == last)
                return;
            last = now;
            status.Post(now);
        }

        status.Publish();
    }

    private BridgeStatus StatusNow()
    {
        if (portFault is { } fault)
            return new(BridgeState.NoPort, PrintableText.Escape(fault.Message));
        if (!portKnown)
            return new(BridgeState.Starting);
        lock (wire.Gate)
        {
            if (!host.InSession)
                return new(BridgeState.NoAnswer, host.SessionFault + resetFault);
            return host.Condition switch
            {
                BridgeCondition.NoNetwork => new(BridgeState.NoNetwork, host.ConditionText),
                BridgeCondition.Connecting => new(BridgeState.Connecting, host.ConditionText),
                BridgeCondition.Connected => new(BridgeState.Connected, host.ConditionText),
                _ => new(BridgeState.Idle, host.ConditionText),
            };
        }
    }

    private async Task PulseAsync()
    {
        if (options.ResetLine is not { } line)
            return;
        try
        {
            line.Set(true);
            await Observable.Timer(ResetPulse, options.Scheduler).ToTask().ConfigureAwait(false);
            line.Set(false);
            resetFault = "";
        }
        catch (Exception exception)
        {
            // Without it the bridge is still asked to restart.
            resetFault = $"; the reset line failed: {PrintableText.Escape(exception.Message)}";
        }
    }

    /// <summary>Counts the observers that throw.</summary>
    private sealed class Faults : IObserverFaults
    {
        private int count;

        public int Count => Volatile.Read(ref count);

        public void ObserverFailed(string stream, Exception exception) => Interlocked.Increment(ref count);
    }
}
