using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Rx.IotLink.Nano;
using Rx.IotLink.Nano.Bridge;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Bridge;

/// <summary>How a bridge serves its host.</summary>
public sealed record IotLinkBridgeOptions
{
    /// <summary>The wire to the host: a <see cref="SerialTransport"/>.</summary>
    public required ITransport Wire { get; init; }

    /// <summary>
    /// How this bridge connects: given the name and port that the host asks for (an empty name if it leaves that to the
    /// bridge), it makes the transport, or throws with a message for the host. Default: TCP to where the host asks for.
    /// </summary>
    public Func<string, int, ITransport>? Server { get; init; }

    /// <summary>How long one attempt to connect may take. Default 10 s; 1 s to 10 min.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Bits a second on the wire. Default: that of a <see cref="SerialTransport"/>, otherwise 115,200.
    /// </summary>
    public int? BaudRate { get; init; }

    /// <summary>The clock of everything. Default: the real one.</summary>
    public IScheduler Scheduler { get; init; } = DefaultScheduler.Instance;

    internal void Validate()
    {
        Require.NotNull(Wire, nameof(Wire));
        Require.InRange(ConnectTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10), nameof(ConnectTimeout));
        if (BaudRate is { } rate)
            Require.InRange(rate, 300, 10_000_000, nameof(BaudRate));
        Require.NotNull(Scheduler, nameof(Scheduler));
    }
}

/// <summary>
/// A bridge on a PC: it carries the bytes of a host on a serial line to the server and back. It holds no line and no
/// key; the session is the host's. It needs no configuration of Wi-Fi, and ignores it.
/// </summary>
public sealed class IotLinkBridge : IAsyncDisposable
{
    private readonly IotLinkBridgeOptions options;
    private readonly BridgeMachine bridge;
    private readonly Wire wire;
    private readonly Broadcast<BridgeStatus> status;
    private readonly Lock gate = new();
    private BridgeStatus last = new(BridgeState.Starting);
    private Exception? portFault;
    private bool portKnown;
    private Serving? serving;
    private int resets;
    private bool disposed;

    private IotLinkBridge(IotLinkBridgeOptions options)
    {
        this.options = options;
        var settings = new FrameSettings();
        settings.RepeatMs = FrameSettings.RepeatMsAt(BridgeTransportOptions.BaudRateOf(options.BaudRate, options.Wire), settings.Window);
        bridge = new(settings, new SystemRandom());
        bridge.Tell(BridgeCondition.Idle, "", 0);
        status = new(TaskPoolScheduler.Default, Replay.Latest, 64, nameof(Status), null);
        status.Post(last);
        wire = new(bridge, options.Wire, options.Scheduler, Changed, PortChanged);
    }

    /// <summary>How far the way from the host to the server goes: the present state first, then each change.</summary>
    public IObservable<BridgeStatus> Status => status;

    /// <summary>What was counted on the wire.</summary>
    public BridgeCounters Counters
    {
        get
        {
            lock (wire.Gate)
                return new(bridge.Frames, bridge.BadFrames, bridge.Repeated, bridge.Sessions, resets);
        }
    }

    /// <summary>Opens the port, and serves whatever host is there from now on.</summary>
    /// <exception cref="ArgumentException">An option is wrong; the message names it.</exception>
    public static IotLinkBridge Start(IotLinkBridgeOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var started = new IotLinkBridge(options);
        started.wire.Start();
        return started;
    }

    /// <summary>Closes the port and the connection to the server.</summary>
    public async ValueTask DisposeAsync()
    {
        Serving? served;
        lock (gate)
        {
            if (disposed)
                return;
            disposed = true;
            (served, serving) = (serving, null);
        }

        await wire.DisposeAsync().ConfigureAwait(false);
        served?.Cancel();
        if (served is not null)
            await served.Running.ConfigureAwait(false);
        status.End();
        status.Publish();
    }

    private void PortChanged(Exception? fault)
    {
        lock (gate)
            (portFault, portKnown) = (fault, true);
        Changed();
    }

    private void Changed()
    {
        Serving? ended = null;
        Serving? current;
        lock (gate)
        {
            int wanted;
            ConnectionState state;
            lock (wire.Gate)
            {
                if (bridge.TakeReset())
                {
                    resets++;
                    bridge.Restart(wire.Now);
                }

                (wanted, state) = (bridge.Opening, bridge.State);
            }

            if (disposed)
                return;
            if (serving is not null && (serving.Opening != wanted || state == ConnectionState.None))
                (ended, serving) = (serving, null);
            if (serving is null && state == ConnectionState.Opening)
                serving = new(this, wanted);
            current = serving;
            var now = StatusNow();
            if (now != last)
                status.Post(last = now);
        }

        ended?.Cancel();
        current?.Changed();
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
            if (!bridge.InSession)
                return new(BridgeState.NoAnswer, bridge.Sessions > 0 ? bridge.Reason : bridge.BadFrames > 0 ? "what comes is no frames, but another program's text, or another baud rate" : "no host yet");
            return bridge.State switch
            {
                ConnectionState.Opening => new(BridgeState.Connecting, PrintableText.Escape($"{bridge.Host}:{bridge.Port}")),
                ConnectionState.Open => new(BridgeState.Connected, PrintableText.Escape($"{bridge.Host}:{bridge.Port}")),
                _ => new(BridgeState.Idle, PrintableText.Escape(bridge.Reason)),
            };
        }
    }

#pragma warning disable CA1001 // A token source without a timer and without a parent holds nothing to release.
    /// <summary>One connection to a server.</summary>
    private sealed class Serving
    {
        private readonly IotLinkBridge owner;
        private readonly CancellationTokenSource over = new();
        private volatile Pump? pump;

        public Serving(IotLinkBridge owner, int opening)
        {
            (this.owner, Opening) = (owner, opening);
            Running = Task.Run(RunAsync);
        }

        /// <summary>Which connection, by <see cref="FrameEnd.Opening"/>.</summary>
        public int Opening { get; }

        public Task Running { get; }

        public void Cancel() => _ = over.CancelAsync();

        public void Changed() => pump?.Changed();

        private Wire Wire => owner.wire;

        private BridgeMachine Bridge => owner.bridge;

        private async Task RunAsync()
        {
            try
            {
                string host;
                int port;
                lock (Wire.Gate)
                {
                    (host, port) = (Bridge.Host, Bridge.Port);
                    Bridge.Tell(BridgeCondition.Connecting, "", 0);
                }

                Wire.Poke();
                var server = owner.options.Server?.Invoke(host, port) ?? Direct(host, port);
                using var connection = await server.Connect().Timeout(owner.options.ConnectTimeout, owner.options.Scheduler).ToTask(over.Token).ConfigureAwait(false);
                pump = new(Wire, Bridge, Opening, connection.Input, connection.Output);
                lock (Wire.Gate)
                {
                    if (Bridge.Opening != Opening)
                        return;
                    Bridge.Connects++;
                    Bridge.Tell(BridgeCondition.Connected, "", 0);
                    Bridge.Opened(Bridge.Connection);
                }

                Wire.Poke();
                owner.Changed();
                await CarryAsync(pump).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                Fail($"the server did not answer within {owner.options.ConnectTimeout.TotalSeconds:0.#} s");
            }
            catch (OperationCanceledException)
            {
                // The host wants it no more.
                Fail("");
            }
            catch (Exception exception)
            {
                Fail(exception.Message);
            }
        }

        /// <summary>
        /// Until both directions have ended, or one has failed; the other one then finds that it is over.
        /// </summary>
        private async Task CarryAsync(Pump pumping)
        {
            var receiving = pumping.ReceiveAsync(over.Token);
            var sending = pumping.SendAsync(over.Token);
            await (await Task.WhenAny(receiving, sending).ConfigureAwait(false)).ConfigureAwait(false);
            await Task.WhenAll(receiving, sending).ConfigureAwait(false);
        }

        private static TcpTransport Direct(string host, int port) =>
            host.Length > 0 && port > 0 ? new(host, port) : throw new IOException("the host leaves the choice of the server to this bridge, whose options name none");

        private void Fail(string why)
        {
            lock (Wire.Gate)
            {
                if (Bridge.Opening != Opening)
                    return;
                Bridge.Fail(Bridge.Connection, why);
                Bridge.Tell(BridgeCondition.Idle, why, 0);
            }

            Wire.Poke();
            owner.Changed();
        }
    }
#pragma warning restore CA1001
}
