using System.Net;
using System.Net.Sockets;
using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Reactive.Threading.Tasks;

namespace Rx.IotLink.Testing.Tcp;

/// <summary>
/// A TCP proxy between clients and a server, in the process of a test. It breaks their connections on request (see
/// <see cref="TcpFault"/>). A client connects to <see cref="EndPoint"/> as if it were the server. The proxy carries
/// bytes and knows no protocol, so any protocol over TCP can go through it.
/// </summary>
/// <remarks>
/// <para>
/// Without faults it passes bytes and the end of each direction at once, FIN as FIN and RST as RST. It holds at most 64
/// KiB for each way of each connection, in at most 16 pieces, and owns every socket it opens: after
/// <see cref="DisposeAsync"/> none is left. All members may be used from any thread.
/// </para>
/// <para>
/// A connection whose server cannot be reached is reset. The system has its own buffers before and after the proxy: a
/// sender may be some hundred KiB ahead before it has to wait.
/// </para>
/// </remarks>
public sealed partial class FaultProxy : IAsyncDisposable
{
    private static readonly TimeSpan AcceptPause = TimeSpan.FromMilliseconds(50);

    private readonly FaultProxyOptions _options;
    private readonly IPEndPoint _server;
    private readonly IScheduler _scheduler;
    private readonly IStopwatch _stopwatch;
    private readonly Socket _listener;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<int, Task> _serving = [];
    private readonly List<ProxiedConnection> _open = [];
    private readonly List<Effect> _effects = [];
    private readonly ISubject<Unit> _changes = Subject.Synchronize(new Subject<Unit>());
    private readonly ISubject<FaultRecord> _faults = Subject.Synchronize(new Subject<FaultRecord>());
    private readonly Task _accepting;
    private volatile ProxiedConnection? _latest;

    private FaultProxy(IPEndPoint server, FaultProxyOptions options)
    {
        (_server, _options, _scheduler) = (server, options, options.Scheduler);
        _stopwatch = options.Stopwatch ?? _scheduler.StartStopwatch();
        _listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        EndPoint = (IPEndPoint)_listener.LocalEndPoint!;
        // It observes the changes before it asks for the first value: none that comes between the two is missed.
        Healthy = _changes.Merge(Observable.Return(Unit.Default)).Select(_ => _latest?.IsHealthy ?? false).DistinctUntilChanged();
        Faults = _faults.AsObservable();
        _accepting = AcceptAsync();
    }

    /// <summary>Starts to listen on a free port of 127.0.0.1.</summary>
    /// <param name="server">The server of the connections. It need not run yet.</param>
    /// <param name="options">Name and clock. Default null: the default ones.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    /// <exception cref="SocketException">The system has no port or descriptor left.</exception>
    public static FaultProxy Start(IPEndPoint server, FaultProxyOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(server);
        options ??= new FaultProxyOptions();
        options.Validate();
        return new FaultProxy(server, options);
    }

    /// <summary>The address to which clients connect.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>
    /// Whether the latest connection has carried bytes both ways, lives, and has no active fault: the current value
    /// first, then each change. It never completes.
    /// </summary>
    public IObservable<bool> Healthy { get; }

    /// <summary>Every fault from now on, just before it is done. Completes when the proxy is closed.</summary>
    public IObservable<FaultRecord> Faults { get; }

    /// <summary>The connections that are open now, or being made or ended.</summary>
    public int Connections
    {
        get
        {
            lock (_gate)
                return _serving.Count;
        }
    }

    /// <summary>Bytes that the latest connection has carried to the server, and from it.</summary>
    internal (long Up, long Down) Carried => _latest?.Carried ?? (0, 0);

    /// <summary>
    /// Does a fault to every open connection, and to those that are made while the fault lasts.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A value of the fault is out of its range; nothing was done.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The proxy is closed.</exception>
    public FaultRecord Do(TcpFault fault)
    {
        Check(fault);
        return Begin(new Effect(fault) { HitsNew = fault is TcpFault.LastingFault }, () => [.. _open]);
    }

    /// <summary>
    /// Does a fault to the latest connection alone, if it is healthy (see <see cref="Healthy"/>). So a connection may
    /// be half-open while its client makes another one. But <see cref="TcpFault.Refuse"/> and
    /// <see cref="TcpFault.Away"/> refuse new connections here too.
    /// </summary>
    /// <returns>The record; null if the latest connection is not healthy, and nothing was done.</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A value of the fault is out of its range; nothing was done.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The proxy is closed.</exception>
    public FaultRecord? DoToLatest(TcpFault fault)
    {
        Check(fault);
        return _latest is { IsHealthy: true } latest ? Begin(new Effect(fault), () => [latest]) : null;
    }

    /// <summary>Ends all active faults; closed connections stay closed.</summary>
    public void Heal()
    {
        foreach (var effect in Copy(_effects))
            End(effect);
    }

    /// <summary>Stops listening, ends all connections with RST, and returns when every socket is closed.</summary>
    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        _listener.Dispose();
        await _accepting.ConfigureAwait(false);
        foreach (var effect in Copy(_effects))
            effect.Dispose();
        foreach (var connection in Copy(_open))
            connection.Abort();
        await Task.WhenAll(Copy(_serving.Values)).ConfigureAwait(false);
        _faults.OnCompleted();
    }

    private void Check(TcpFault fault)
    {
        ArgumentNullException.ThrowIfNull(fault);
        fault.Validate();
        ObjectDisposedException.ThrowIf(_closing.IsCancellationRequested, this);
    }

    private FaultRecord Begin(Effect effect, Func<IReadOnlyList<ProxiedConnection>> which)
    {
        var at = _stopwatch.Elapsed;
        IReadOnlyList<ProxiedConnection> hit;
        lock (_gate)
        {
            hit = which();
            if (effect.Fault is TcpFault.LastingFault)
                _effects.Add(effect);
        }

        // Reported first, so that an observer never sees an effect before its cause.
        var record = new FaultRecord(_options.Name, at, effect.Fault is TcpFault.Refuse ? 0 : hit.Count, effect.Fault);
        _faults.OnNext(record);
        foreach (var connection in hit)
            connection.Begin(effect);
        if (effect.Fault is TcpFault.LastingFault { Lasting: { } length })
            effect.Timer = Observable.Timer(length, _scheduler).Subscribe(_ => End(effect));
        return record;
    }

    private void End(Effect effect)
    {
        effect.Dispose();
        lock (_gate)
            _effects.Remove(effect);
        foreach (var connection in Copy(_open))
            connection.End(effect);
    }

    private async Task AcceptAsync()
    {
        for (var number = 1; await AcceptAsync(number).ConfigureAwait(false); number++)
        {
        }
    }

    /// <summary>Accepts a connection, and serves it from then on; false when the proxy is closed.</summary>
    private async Task<bool> AcceptAsync(int number)
    {
        try
        {
            try
            {
                var client = await _listener.AcceptAsync(_closing.Token).ConfigureAwait(false);
                lock (_gate)
                {
                    if (Refuses || _serving.Count >= _options.MaxConnections)
                        Ending.Reset(client);
                    else
                        _serving.Add(number, ServeAsync(number, client));
                }
            }
            catch (SocketException)
            {
                // The client went away while it was accepted, or no descriptor is left for it: the listener itself
                // still works.
                await Observable.Timer(AcceptPause, _scheduler).ToTask(_closing.Token).ConfigureAwait(false);
            }

            return true;
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            return false;
        }
    }

    private async Task ServeAsync(int number, Socket client)
    {
        // From here on it runs by itself: the caller has added it to the list before it can be removed again.
        await Task.Yield();
        try
        {
            client.NoDelay = true;
            using var connection = Open(client, await ConnectAsync().ConfigureAwait(false));
            await connection.RunAsync().ConfigureAwait(false);
            lock (_gate)
                _open.Remove(connection);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // The server cannot be reached: a reset is the only way to show that to the client.
            Ending.Reset(client);
        }
        finally
        {
            lock (_gate)
                _serving.Remove(number);
        }
    }

    private ProxiedConnection Open(Socket client, Socket server)
    {
        ProxiedConnection connection;
        bool isTooLate;
        lock (_gate)
        {
            connection = new ProxiedConnection(client, server, _effects.Where(effect => effect is { HitsNew: true, Refuses: false }), _scheduler, () => _changes.OnNext(Unit.Default));
            _open.Add(connection);
            _latest = connection;
            isTooLate = Refuses || _closing.IsCancellationRequested;
        }

        if (isTooLate)
            connection.Abort();
        return connection;
    }

    private async Task<Socket> ConnectAsync()
    {
        var server = new Socket(_server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await server.ConnectAsync(_server, _closing.Token).ConfigureAwait(false);
            return server;
        }
        catch
        {
            // It may still be connected, if the proxy was closed at this moment.
            Ending.Reset(server);
            throw;
        }
    }

    private bool Refuses => _effects.Exists(effect => effect.Refuses);

    private T[] Copy<T>(IReadOnlyCollection<T> items)
    {
        lock (_gate)
            return [.. items];
    }
}
