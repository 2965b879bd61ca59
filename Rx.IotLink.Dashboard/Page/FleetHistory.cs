using System.Collections.Concurrent;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using Rx.IotLink.Server;

namespace Rx.IotLink.Dashboard;

/// <summary>
/// The past of the fleet, for the page: it is there before anybody opens the page. A sample of all devices is taken
/// every <see cref="SampleEvery"/>; the states of a device come by themselves.
/// </summary>
internal sealed class FleetHistory : IDisposable
{
    /// <summary>How many samples are kept.</summary>
    public const int Samples = 60;

    /// <summary>The longest part of a line that is kept, in bytes.</summary>
    private const int MaxLineBytes = 512;

    public static readonly TimeSpan SampleEvery = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, DeviceHistory> devices = new(StringComparer.Ordinal);
    private readonly Lock gate = new();
    private readonly Series up = new(Samples);
    private readonly Series received = new(Samples);
    private readonly Series sent = new(Samples);
    private readonly IStopwatch clock = DefaultScheduler.Instance.StartStopwatch();
    private readonly IotLinkServer server;
    private readonly int lastLines;
    private IDisposable? joining;
    private IDisposable? sampling;
    private TimeSpan sampledAt;

    public FleetHistory(IotLinkServer server, int lastLines) => (this.server, this.lastLines) = (server, lastLines);

    /// <summary>How many samples were taken.</summary>
    public int Taken { get; private set; }

    public void Start()
    {
        if (lastLines > 0)
            server.KeepLastLines(lastLines, MaxLineBytes);
        sampling = Observable.Interval(SampleEvery, DefaultScheduler.Instance).Subscribe(_ => Sample());
        joining = server.Links.Subscribe(Join, Dispose);
    }

    public void Dispose()
    {
        joining?.Dispose();
        sampling?.Dispose();
    }

    public DeviceHistory? Of(string id) => devices.GetValueOrDefault(id);

    /// <summary>The fleet's samples: devices that were up, and lines a second.</summary>
    public FleetSeriesView Fleet()
    {
        lock (gate)
            return new(SampleEvery.TotalSeconds, up.Newest(), received.Newest(), sent.Newest());
    }

    /// <summary>Takes a sample of each device.</summary>
    internal void Sample()
    {
        var now = clock.Elapsed;
        var took = now - sampledAt;
        sampledAt = now;
        if (took <= TimeSpan.Zero)
            return;
        var (allUp, allReceived, allSent) = (0, 0L, 0L);
        foreach (var device in devices.Values)
        {
            var (more, moreSent, isUp) = device.Sample(took);
            (allUp, allReceived, allSent) = (allUp + (isUp ? 1 : 0), allReceived + more, allSent + moreSent);
        }

        lock (gate)
        {
            up.Add(allUp);
            received.Add(allReceived / took.TotalSeconds);
            sent.Add(allSent / took.TotalSeconds);
            Taken++;
        }
    }

    private void Join(ILink link)
    {
        var device = new DeviceHistory(link, Left);
        devices[link.Id] = device;
        device.Start();
    }

    /// <summary>Forgotten: the id may have come again already, with another link.</summary>
    private void Left(DeviceHistory device) => devices.TryRemove(new(device.Id, device));
}
