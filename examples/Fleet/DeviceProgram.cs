using System.Reactive.Concurrency;
using System.Reactive.Linq;
using Examples.Common;
using Rx.IotLink;

namespace Examples.Fleet;

/// <summary>The program of a device. Nothing in here knows about outages, but for counting them.</summary>
internal sealed class DeviceProgram : IAsyncDisposable
{
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(500);

    private readonly IotLinkClient _link;
    private readonly IDisposable _orders;
    private readonly IDisposable _reports;

    public DeviceProgram(string id, int port, Stage stage)
    {
        _link = IotLinkClient.Start(new() { Host = "127.0.0.1", Port = port, Id = id });
        _orders = _link.Lines.FromJson<Order>().Subscribe(order => Led = order.Led);
        _reports = Observable.Interval(ReportEvery, stage.Scheduler)
            .Select(n => new Report((int)n, _link.Counters.Outages, stage.Stopwatch.Elapsed.TotalSeconds).ToJson())
            .Subscribe(_link.Writer);
    }

    /// <summary>Whether its lamp is lit.</summary>
    public bool Led { get; private set; }

    public async ValueTask DisposeAsync()
    {
        _reports.Dispose();
        await _link.DisposeAsync();
        _orders.Dispose();
    }
}
