using System.Net;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using Rx.IotLink.Testing.Simulation;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Testing;

/// <summary>
/// The path between a device and its server, with its faults. As an <see cref="ITransport"/> it also carries links that
/// a test creates itself.
/// </summary>
public sealed class SimulatedPath : FaultTarget, ITransport
{
    private readonly SimulatedServer server;
    private readonly PathConditions conditions;
    private readonly List<Fault> faults = [];
    private readonly List<SimulatedConnection> connections = [];
    private readonly List<Action> held = [];
    private readonly List<TimeSpan> attempts = [];
    private (StallDirection Direction, long Bytes, Action Then)? nextBreak;
    private bool stalledUp;
    private bool stalledDown;

    internal SimulatedPath(SimulatedNetwork network, string id, SimulatedServer server, PathConditions conditions)
        : base(network, id)
    {
        conditions.Validate();
        (this.server, this.conditions, Conditions) = (server, conditions, conditions);
        Random = new Random(network.SeedOf(id, part: 0));
        EndPoint = new SimulatedEndPoint(id);
    }

    /// <summary>The times of connection attempts, since the start of the network.</summary>
    public IReadOnlyList<TimeSpan> Attempts => attempts;

    /// <summary>The number of connections, with those that only one end still has.</summary>
    public int Connections => connections.Count;

    internal override IEnumerable<SimulatedPath> Paths => [this];

    internal IScheduler Clock => Network.Clock;

    internal Random Random { get; }

    internal EndPoint EndPoint { get; }

    /// <summary>How it behaves now.</summary>
    internal PathConditions Conditions { get; private set; }

    /// <summary>The device of this path, once it exists.</summary>
    internal SimulatedDevice? Device { get; set; }

    private bool IsRefused => faults.Exists(f => f.Kind == FaultKind.Refuse);

    /// <summary>Breaks the connections now; both ends see it.</summary>
    /// <param name="reset">As an error (RST) and not as an end (FIN).</param>
    /// <param name="losesTail">Whether bytes on their way are lost; otherwise they arrive before the end.</param>
    public void Kill(bool reset = false, bool losesTail = true)
    {
        foreach (var connection in connections.ToArray())
            connection.Kill(reset, losesTail);
    }

    /// <summary>Nothing arrives from now on, until the result is disposed.</summary>
    public IDisposable Stall(StallDirection direction = StallDirection.Both) => Begin(Fault.Stall(Name, Network.Now, TimeSpan.Zero, direction));

    /// <summary>New connections are refused from now on, until the result is disposed.</summary>
    public IDisposable Refuse() => Begin(Fault.Refuse(Name, Network.Now, TimeSpan.Zero));

    /// <summary>
    /// The next connection breaks (FIN, with the last bytes lost) after this many bytes in one direction. Use it to cut
    /// a session after every byte.
    /// </summary>
    /// <param name="direction">Up or down.</param>
    /// <param name="bytes">How many arrive, at least 1.</param>
    /// <param name="then">Called when it has broken. Default: nothing.</param>
    public void BreakNext(StallDirection direction, long bytes, Action? then = null)
    {
        if (direction is not (StallDirection.Up or StallDirection.Down))
            throw new ArgumentOutOfRangeException(nameof(direction), direction, "A connection is cut in one direction.");
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        nextBreak = (direction, bytes, then ?? (static () => { }));
    }

    /// <inheritdoc/>
    public IObservable<IConnection> Connect() => Observable.Create<IConnection>(observer =>
    {
        attempts.Add(Network.Now);
        var wanted = new BooleanDisposable();
        var process = Device?.Starts;
        // The handshake takes a round trip.
        Clock.Schedule((2 * Conditions.Latency) + Conditions.OpeningDelay, () => Arrive(observer, wanted, process));
        return wanted;
    });

    internal bool IsStalled(StallDirection direction) => direction == StallDirection.Up ? stalledUp : stalledDown;

    internal override IDisposable Begin(Fault fault)
    {
        if (fault.Kind == FaultKind.Kill)
        {
            Kill(fault.Reset, fault.LosesTail);
            return Disposable.Empty;
        }

        faults.Add(fault);
        Change();
        return Disposable.Create(() =>
        {
            // By reference: two equal faults at the same time are two.
            faults.RemoveAt(faults.FindIndex(f => ReferenceEquals(f, fault)));
            Change();
        });
    }

    /// <summary>The device's process has ended.</summary>
    internal void ClientCrashed(bool powerLost) => Crashed(powerLost, c => c.Client);

    /// <summary>The server's process has ended.</summary>
    internal void ServerCrashed(bool powerLost) => Crashed(powerLost, c => c.Server);

    /// <summary>The device's machine has power again.</summary>
    internal void ClientIsBack() => connections.ForEach(c => c.Client.IsOff = false);

    /// <summary>The server's machine has power again.</summary>
    internal void ServerIsBack()
    {
        connections.ForEach(c => c.Server.IsOff = false);
        Release();
    }

    internal void Tidy(SimulatedConnection connection)
    {
        if (connection.IsOver)
            connections.Remove(connection);
    }

    private void Crashed(bool powerLost, Func<SimulatedConnection, SimulatedConnection.End> end)
    {
        foreach (var connection in connections.ToArray())
        {
            var dead = end(connection);
            dead.IsOff = powerLost;
            if (powerLost)
                connection.Orphan(dead);
            else
                connection.Die(dead);
        }
    }

    private void Change()
    {
        (stalledUp, stalledDown) = (IsAnyStall(StallDirection.Up), IsAnyStall(StallDirection.Down));
        Conditions = conditions.With(faults);
        foreach (var connection in connections.ToArray())
            connection.Resume();
        Release();
    }

    private bool IsAnyStall(StallDirection direction) => faults.Exists(f => f.Kind == FaultKind.Stall && f.Direction.HasFlag(direction));

    /// <summary>Repeats attempts without an answer, as TCP repeats its SYN.</summary>
    private void Release()
    {
        if (stalledUp || stalledDown || server.IsOff || held.Count == 0)
            return;
        var again = held.ToArray();
        held.Clear();
        foreach (var attempt in again)
            Clock.Schedule(2 * Conditions.Latency, attempt);
    }

    private void Arrive(IObserver<IConnection> observer, BooleanDisposable wanted, int? process)
    {
        // A crashed process never cancels its attempt; the answer has no receiver.
        if (wanted.IsDisposed || Device is { IsRunning: false } || Device?.Starts != process)
            return;
        if (stalledUp || stalledDown || server.IsOff)
        {
            held.RemoveAll(_ => wanted.IsDisposed);
            held.Add(() => Arrive(observer, wanted, process));
            return;
        }

        if (IsRefused || server.Current is null)
        {
            observer.OnError(new IOException($"the simulated server {server.Name} refuses connections"));
            return;
        }

        observer.OnNext(Join(server.Current));
        observer.OnCompleted();
    }

    private SimulatedConnection.End Join(Server.IotLinkServer current)
    {
        var connection = new SimulatedConnection(this);
        connections.Add(connection);
        if (nextBreak is { } next)
        {
            nextBreak = null;
            (next.Direction == StallDirection.Up ? connection.Up : connection.Down).BreakAfter(next.Bytes, () =>
            {
                connection.Kill(reset: false, losesTail: true);
                next.Then();
            });
        }

        Device?.Connected(connection);
        server.Connected(connection, Name);
        _ = current.ServeAsync(connection.Server);
        return connection.Client;
    }

    private sealed class SimulatedEndPoint(string name) : EndPoint
    {
        public override string ToString() => $"simulated:{name}";

        public override bool Equals(object? obj) => obj is SimulatedEndPoint other && other.ToString() == ToString();

        public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(name);
    }
}
