using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;

namespace QuickStart.Proxy;

/// <summary>One connection through the proxy: owns its two sockets and closes them, whatever happens.</summary>
internal sealed class Relay : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Socket _client;
    private readonly Socket _server;
    private readonly OneWay _toServer;
    private readonly OneWay _toClient;
    private readonly IScheduler _scheduler;
    private readonly Action _changed;
    private readonly CancellationTokenSource _cut = new();
    private readonly SerialDisposable _healing = new();
    private volatile bool _finish;
    private volatile bool _isFaulty;
    private volatile bool _hasEnded;

    /// <param name="number">Which of the proxy's connections this is.</param>
    /// <param name="client">The accepted socket.</param>
    /// <param name="server">The socket that was connected for it.</param>
    /// <param name="scheduler">Measures the length of faults.</param>
    /// <param name="changed">Called after each change of <see cref="IsHealthy"/>.</param>
    public Relay(int number, Socket client, Socket server, IScheduler scheduler, Action changed)
    {
        (Number, _client, _server, _scheduler, _changed) = (number, client, server, scheduler, changed);
        _toServer = new OneWay(client, server, scheduler, changed);
        _toClient = new OneWay(server, client, scheduler, changed) { Back = _toServer };
        _toServer.Back = _toClient;
    }

    public int Number { get; }

    /// <summary>Whether bytes have passed both ways, no fault is at work and neither way has ended.</summary>
    public bool IsHealthy => _toServer.HasCarried && _toClient.HasCarried && !_isFaulty && !_hasEnded;

    /// <summary>Carries bytes until both ways have ended.</summary>
    public async Task RunAsync()
    {
        await Task.WhenAll(CarryAsync(_toServer), CarryAsync(_toClient));
        if (_finish)
            await Task.WhenAll(Sockets.FinishAsync(_client, Patience, _scheduler), Sockets.FinishAsync(_server, Patience, _scheduler));
    }

    public void Do(Fault fault)
    {
        _isFaulty = true;
        switch (fault)
        {
            case Kill:
                _finish = true;
                _cut.Cancel();
                break;
            case Reset or Away:
                Abort();
                break;
            case Stall stall:
                _toServer.Stall();
                _toClient.Stall();
                HealAfter(stall.Length);
                break;
            case StallOneWay stall:
                (stall.Way == Way.ToServer ? _toServer : _toClient).Stall();
                HealAfter(stall.Length);
                break;
            case Slow slow:
                _toServer.Slow(slow);
                _toClient.Slow(slow);
                HealAfter(slow.Length);
                break;
            default:
                throw new ArgumentException($"A proxy cannot do '{fault.Name}'.", nameof(fault));
        }

        _changed();
    }

    /// <summary>Ends a fault that is at work; what was cut stays cut.</summary>
    public void Heal()
    {
        _toServer.Heal();
        _toClient.Heal();
        _isFaulty = _cut.IsCancellationRequested;
        _changed();
    }

    /// <summary>Ends the connection with RST at both ends.</summary>
    public void Abort()
    {
        Sockets.Reset(_client);
        Sockets.Reset(_server);
        _cut.Cancel();
    }

    public void Dispose()
    {
        _healing.Dispose();
        _client.Dispose();
        _server.Dispose();
        // _cut is not disposed: it holds no timer and no handle, and a fault that comes too late may still cancel it.
    }

    private async Task CarryAsync(OneWay way)
    {
        await way.RunAsync(_cut.Token);
        _hasEnded = true;
        _changed();
    }

    private void HealAfter(TimeSpan length) => _healing.Disposable = Observable.Timer(length, _scheduler).Subscribe(_ => Heal());
}
