using System.Net;
using System.Net.Sockets;
using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Reactive.Threading.Tasks;

namespace QuickStart.Proxy;

/// <summary>
/// A TCP proxy that stands between clients and a server and harms their connections when told to (see <see cref="Fault"/>). It holds at most
/// 4 KiB for each way of each connection, and owns every socket it opens: after <see cref="DisposeAsync"/> none is left.
/// </summary>
public sealed class FaultProxy : IAsyncDisposable
{
    private const int MaxConnections = 64;
    private static readonly TimeSpan AcceptPause = TimeSpan.FromMilliseconds(50);

    private readonly string _name;
    private readonly IPEndPoint _server;
    private readonly IScheduler _scheduler;
    private readonly IStopwatch _stopwatch;
    private readonly Socket _listener;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<int, Task> _connections = [];
    private readonly List<Relay> _relays = [];
    private readonly ISubject<Unit> _changes = Subject.Synchronize(new Subject<Unit>());
    private readonly ISubject<FaultRecord> _faults = Subject.Synchronize(new Subject<FaultRecord>());
    private readonly Task _accepting;
    private readonly SerialDisposable _returning = new();
    private volatile Relay? _latest;
    private volatile bool _isAway;

    private FaultProxy(string name, IPEndPoint server, IScheduler scheduler, IStopwatch stopwatch)
    {
        (_name, _server, _scheduler, _stopwatch) = (name, server, scheduler, stopwatch);
        _listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        EndPoint = (IPEndPoint)_listener.LocalEndPoint!;
        Healthy = Observable.Defer(() => _changes.StartWith(Unit.Default).Select(_ => _latest?.IsHealthy ?? false).DistinctUntilChanged());
        Faults = _faults.AsObservable();
        _accepting = AcceptAsync();
    }

    /// <summary>Starts to listen on a free port of the loopback address.</summary>
    /// <param name="name">The proxy's name in its records.</param>
    /// <param name="server">Where connections are passed on to.</param>
    /// <param name="scheduler">Measures the length of faults.</param>
    /// <param name="stopwatch">Tells the time of faults in the records.</param>
    public static FaultProxy Start(string name, IPEndPoint server, IScheduler scheduler, IStopwatch stopwatch) => new(name, server, scheduler, stopwatch);

    /// <summary>Where clients connect to.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Whether the latest connection has carried bytes both ways, lives, and has no fault at work: the present value first, then each change, for ever.</summary>
    public IObservable<bool> Healthy { get; }

    /// <summary>Every fault from now on, as it is done.</summary>
    public IObservable<FaultRecord> Faults { get; }

    /// <summary>The connections that are open now.</summary>
    public int Connections
    {
        get
        {
            lock (_gate)
                return _connections.Count;
        }
    }

    /// <summary>Harms the latest connection, if it is healthy; else does nothing and returns null.</summary>
    public FaultRecord? Do(Fault fault)
    {
        if (_latest is not { IsHealthy: true } relay)
            return null;
        // The time is taken first: whoever measures from it never finds an effect before its cause.
        var record = new FaultRecord(_name, _stopwatch.Elapsed, relay.Number, fault);
        if (fault is Away away)
        {
            _isAway = true;
            _returning.Disposable = Observable.Timer(away.Length, _scheduler).Subscribe(_ => _isAway = false);
        }

        relay.Do(fault);
        _faults.OnNext(record);
        return record;
    }

    /// <summary>Ends all faults that are at work.</summary>
    public void Heal()
    {
        _isAway = false;
        foreach (var relay in Relays())
            relay.Heal();
    }

    /// <summary>Stops listening, ends all connections with RST, and returns when every socket is closed.</summary>
    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        _returning.Dispose();
        _listener.Dispose();
        await _accepting;
        foreach (var relay in Relays())
            relay.Abort();
        await Task.WhenAll(Tasks());
        _faults.OnCompleted();
    }

    private async Task AcceptAsync()
    {
        for (var number = 1; !_closing.IsCancellationRequested;)
        {
            try
            {
                var client = await _listener.AcceptAsync(_closing.Token);
                if (!_isAway && Connections < MaxConnections)
                    lock (_gate)
                        _connections.Add(number, ServeAsync(number++, client));
                else
                    Sockets.Reset(client);
            }
            catch (SocketException)
            {
                // The client went away while it was accepted, or no descriptor is left for it: the listener itself is sound.
                await Observable.Timer(AcceptPause, _scheduler).ToTask();
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(int number, Socket client)
    {
        // From here on it runs on its own, so the caller has entered it in the book before it can be struck out again.
        await Task.Yield();
        try
        {
            client.NoDelay = true;
            using var relay = new Relay(number, client, await ConnectAsync(), _scheduler, () => _changes.OnNext(Unit.Default));
            lock (_gate)
                _relays.Add(relay);
            _latest = relay;
            if (_closing.IsCancellationRequested)
                relay.Abort();
            await relay.RunAsync();
            lock (_gate)
                _relays.Remove(relay);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // The server cannot be reached: the client is told in the only way there is.
            Sockets.Reset(client);
        }
        finally
        {
            lock (_gate)
                _connections.Remove(number);
        }
    }

    private async Task<Socket> ConnectAsync()
    {
        var server = new Socket(_server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await server.ConnectAsync(_server, _closing.Token);
            return server;
        }
        catch
        {
            // It may be connected all the same, if the proxy was closed in that moment.
            Sockets.Reset(server);
            throw;
        }
    }

    private Relay[] Relays()
    {
        lock (_gate)
            return [.. _relays];
    }

    private Task[] Tasks()
    {
        lock (_gate)
            return [.. _connections.Values];
    }
}
