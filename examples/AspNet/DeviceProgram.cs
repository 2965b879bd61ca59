using System.Reactive.Concurrency;
using System.Reactive.Linq;
using Examples.Common;
using Rx.IotLink;

namespace Examples.AspNet;

/// <summary>
/// A simulated device: it sends facts of this process, and prints what it receives.
/// </summary>
internal sealed class DeviceProgram : IAsyncDisposable
{
    private static readonly TimeSpan ReportEvery = TimeSpan.FromSeconds(1);

    private readonly IotLinkClient _link;
    private readonly IDisposable _reports;

    public DeviceProgram(string id, int port, Stage stage)
    {
        _link = IotLinkClient.Start(new() { Host = "127.0.0.1", Port = port, Id = id });
        _reports = Observable.Interval(ReportEvery, stage.Scheduler)
            .Select(_ => new { cpuMs = Math.Round(Environment.CpuUsage.TotalTime.TotalMilliseconds), memoryMB = Math.Round(Environment.WorkingSet / 1e6, 1) }.ToJson())
            .Merge(_link.Lines.Select(line => new { told = line }.ToJson()))
            .Subscribe(_link.Writer);
    }

    public async ValueTask DisposeAsync()
    {
        _reports.Dispose();
        await _link.DisposeAsync();
    }
}
