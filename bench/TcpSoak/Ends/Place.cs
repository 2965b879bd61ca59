using System.Net;
using System.Reactive;
using System.Reactive.Concurrency;
using Rx.IotLink.Testing.Tcp;

namespace TcpSoak.Ends;

/// <summary>One device behind one proxy.</summary>
internal sealed class Place : IAsyncDisposable
{
    private readonly FaultProxy _proxy;
    private readonly DeviceEnd _device;
    private readonly IDisposable _recording;
    private readonly IDisposable _faults;

    public Place(SoakPlan plan, string id, int seed, IPEndPoint server, ReadOnlyMemory<byte>? key, DeviceLines lines, Findings findings, IObservable<Unit> stop, IStopwatch stopwatch, IScheduler scheduler)
    {
        _proxy = FaultProxy.Start(server, new FaultProxyOptions { Name = id, Scheduler = scheduler, Stopwatch = stopwatch });
        _device = new DeviceEnd(plan, id, _proxy.EndPoint, key, lines, stop);
        findings.Watch(_device.Link, isServer: false);
        _recording = _proxy.Faults.Subscribe(findings.Done);
        _faults = FaultSchedule.Run(_proxy, seed, plan.Mix, scheduler).Subscribe();
    }

    public long Outages => _device.Link.Counters.Outages;

    public long ProtocolErrors => _device.Link.Counters.ProtocolErrors;

    public Task Written => _device.Written;

    public void EndFaults()
    {
        _faults.Dispose();
        _proxy.Heal();
    }

    public async ValueTask DisposeAsync()
    {
        _faults.Dispose();
        _recording.Dispose();
        await _device.DisposeAsync();
        await _proxy.DisposeAsync();
    }
}

/// <summary>All of them.</summary>
internal sealed class Places(IReadOnlyList<Place> places) : IAsyncDisposable
{
    public long Outages => places.Sum(place => place.Outages);

    public long ProtocolErrors => places.Sum(place => place.ProtocolErrors);

    public Task Written => Task.WhenAll(places.Select(place => place.Written));

    public void EndFaults()
    {
        foreach (var place in places)
            place.EndFaults();
    }

    public async ValueTask DisposeAsync() => await Task.WhenAll(places.Select(place => place.DisposeAsync().AsTask()));
}
