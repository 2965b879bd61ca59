using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;

namespace Rx.IotLink.Testing.Tcp;

/// <summary>One connection through the proxy: it owns its two sockets and closes them in every case.</summary>
internal sealed class ProxiedConnection : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Socket _client;
    private readonly Socket _server;
    private readonly OneWay _up;
    private readonly OneWay _down;
    private readonly IScheduler _scheduler;
    private readonly Action _changed;
    private readonly Lock _gate = new();
    private readonly List<Effect> _effects;
    private readonly CancellationTokenSource _cut = new();
    private readonly SerialDisposable _killing = new();
    private volatile bool _finish;
    private volatile bool _isHarmed;
    private volatile bool _hasEnded;

    /// <summary>A connection of two sockets, which it owns from now on.</summary>
    /// <param name="client">The accepted socket.</param>
    /// <param name="server">The socket that was connected for it.</param>
    /// <param name="effects">The faults that are active at its start.</param>
    /// <param name="scheduler">Measures latencies and pauses.</param>
    /// <param name="changed">Called after each change of <see cref="IsHealthy"/>.</param>
    public ProxiedConnection(Socket client, Socket server, IEnumerable<Effect> effects, IScheduler scheduler, Action changed)
    {
        (_client, _server, _scheduler, _changed, _effects) = (client, server, scheduler, changed, [.. effects]);
        _up = new OneWay(client, server, scheduler, changed);
        _down = new OneWay(server, client, scheduler, changed) { Back = _up };
        _up.Back = _down;
        Apply();
    }

    /// <summary>Whether bytes have passed both ways, no fault is active and neither direction has ended.</summary>
    public bool IsHealthy => _up.HasCarried && _down.HasCarried && !_isHarmed && !_hasEnded && !_cut.IsCancellationRequested;

    /// <summary>Bytes that have passed to the server, and from it.</summary>
    public (long Up, long Down) Carried => (_up.Carried, _down.Carried);

    /// <summary>Carries bytes until both ways have ended.</summary>
    public async Task RunAsync()
    {
        await Task.WhenAll(CarryAsync(_up), CarryAsync(_down)).ConfigureAwait(false);
        if (_finish)
            await Task.WhenAll(Ending.FinishAsync(_client, Patience, _scheduler), Ending.FinishAsync(_server, Patience, _scheduler)).ConfigureAwait(false);
    }

    /// <summary>A fault begins.</summary>
    public void Begin(Effect effect)
    {
        switch (effect.Fault)
        {
            case TcpFault.Kill { LostTail: var tail } kill when tail > TimeSpan.Zero:
                Add(effect);
                _killing.Disposable = Observable.Timer(tail, _scheduler).Subscribe(_ => Cut(kill.Reset));
                break;
            case TcpFault.Kill kill:
                Cut(kill.Reset);
                break;
            case TcpFault.Away:
                Cut(reset: true);
                break;
            case not TcpFault.Refuse:
                Add(effect);
                break;
        }

        _changed();
    }

    /// <summary>A fault is over; a closed connection stays closed.</summary>
    public void End(Effect effect)
    {
        lock (_gate)
        {
            // A connection that is being killed stays so until its end.
            if (effect.Fault is TcpFault.Kill || !_effects.Remove(effect))
                return;
            Apply();
        }

        _changed();
    }

    /// <summary>Ends the connection with RST at both ends.</summary>
    public void Abort()
    {
        Ending.Reset(_client);
        Ending.Reset(_server);
        _cut.Cancel();
    }

    public void Dispose()
    {
        _killing.Dispose();
        _client.Dispose();
        _server.Dispose();
        // _cut is not disposed: it holds no timer and no handle, and a fault that comes too late may still cancel it.
    }

    private void Cut(bool reset)
    {
        if (reset)
        {
            Abort();
        }
        else
        {
            _finish = true;
            _cut.Cancel();
        }
    }

    private void Add(Effect effect)
    {
        lock (_gate)
        {
            // The fault may have been healed before this.
            if (effect.IsOver)
                return;
            _effects.Add(effect);
            Apply();
        }
    }

    private void Apply()
    {
        _isHarmed = _effects.Count > 0;
        var faults = _effects.ConvertAll(effect => effect.Fault);
        _up.Become(Conditions.Of(faults, StallDirection.Up));
        _down.Become(Conditions.Of(faults, StallDirection.Down));
    }

    private async Task CarryAsync(OneWay way)
    {
        await way.RunAsync(_cut.Token).ConfigureAwait(false);
        _hasEnded = true;
        _changed();
    }
}
