using System.Net;
using System.Reactive;
using System.Reactive.Concurrency;
using QuickStart.Machine;
using QuickStart.Outages;
using Rx.IotLink.Testing.Tcp;

namespace QuickStart;

/// <summary>A place with one device and a bad connection: the device takes the proxy for the server.</summary>
internal sealed class Site : IAsyncDisposable
{
    private readonly FaultProxy _proxy;
    private readonly IDisposable _faults;

    public Site(Sensor sensor, IPEndPoint server, Books books, int seed, int protocol, ReadOnlyMemory<byte>? key, IObservable<Unit> over, IStopwatch stopwatch, IScheduler scheduler)
    {
        _proxy = FaultProxy.Start(server, new FaultProxyOptions { Name = sensor.Name, Scheduler = scheduler, Stopwatch = stopwatch });
        Device = new Device(sensor, _proxy.EndPoint, books, protocol, key, over, stopwatch, scheduler);
        books.Ledger.Watch(_proxy);
        books.Ledger.Watch(Device.Link, End.Device);
        _faults = FaultSchedule.Run(_proxy, seed, new TcpFaultMix(), scheduler).Subscribe();
    }

    public Device Device { get; }

    /// <summary>Does no more faults, and ends those that are at work.</summary>
    public void EndFaults()
    {
        _faults.Dispose();
        _proxy.Heal();
    }

    public async ValueTask DisposeAsync()
    {
        _faults.Dispose();
        await Device.DisposeAsync();
        await _proxy.DisposeAsync();
    }
}

/// <summary>All places.</summary>
internal sealed class Sites(IEnumerable<Site> sites) : IAsyncDisposable
{
    private readonly IReadOnlyList<Site> _sites = [.. sites];

    public IEnumerable<Device> Devices => _sites.Select(site => site.Device);

    public void EndFaults()
    {
        foreach (var site in _sites)
            site.EndFaults();
    }

    public async ValueTask DisposeAsync() => await Task.WhenAll(_sites.Select(site => site.DisposeAsync().AsTask()));
}
