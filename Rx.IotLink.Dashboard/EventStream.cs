using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Microsoft.AspNetCore.Http;
using Rx.IotLink.Server;

namespace Rx.IotLink.Dashboard;

/// <summary>
/// Server-sent events: first all devices, then those whose state has changed, and a summary, once in each interval. No
/// line is sent. A listener that reads slowly gets fewer, newer events: of what has changed only the ids are kept.
/// </summary>
internal sealed class EventStream(IotLinkServer server, IotLinkDashboardOptions options, Listeners listeners)
{
    private const int RowsOfOneEvent = 500;

    // Made once for all listeners in each interval: it looks at each device.
    private readonly Lock gate = new();
    private readonly IStopwatch clock = DefaultScheduler.Instance.StartStopwatch();
    private SummaryView? latest;
    private TimeSpan madeAt;

    public Task RunAsync(HttpContext context) => listeners.ServeAsync(context, SendAsync);

    private async Task SendAsync(HttpResponse response, CancellationToken aborted)
    {
        using var changed = new Changes();
        using var observing = server.ObserveConnections().Subscribe(changed);
        while (!aborted.IsCancellationRequested)
        {
            var ids = changed.Take();
            foreach (var part in ids.Chunk(RowsOfOneEvent))
            {
                var rows = part.Select(id => (Id: id, Device: server.GetConnection(id))).ToList();
                await Listeners.WriteAsync(response, "devices", [.. rows.Where(r => r.Device is not null).Select(r => DeviceView.Of(r.Device!))], ViewsContext.Default.IReadOnlyListDeviceView, aborted).ConfigureAwait(false);
                if (rows.Exists(r => r.Device is null))
                    await Listeners.WriteAsync(response, "forgotten", [.. rows.Where(r => r.Device is null).Select(r => r.Id)], ViewsContext.Default.IReadOnlyListString, aborted).ConfigureAwait(false);
            }

            await Listeners.WriteAsync(response, "summary", Summary(), ViewsContext.Default.SummaryView, aborted).ConfigureAwait(false);
            await response.Body.FlushAsync(aborted).ConfigureAwait(false);
            if (changed.HasEnded)
                return;
            await Observable.Timer(options.SummaryEvery, DefaultScheduler.Instance).ToTask(aborted).ConfigureAwait(false);
        }
    }

    private SummaryView Summary()
    {
        lock (gate)
        {
            // A little less, so that a listener does not get the same one twice.
            if (latest is not null && clock.Elapsed - madeAt < 0.9 * options.SummaryEvery)
                return latest;
            (latest, madeAt) = (SummaryView.Of(server, DefaultScheduler.Instance.Now), clock.Elapsed);
            return latest;
        }
    }

    /// <summary>The ids of devices that have changed since they were sent.</summary>
    private sealed class Changes : IObserver<DeviceConnection>, IDisposable
    {
        private readonly Lock gate = new();
        private HashSet<string> ids = new(StringComparer.Ordinal);

        public bool HasEnded { get; private set; }

        public void OnNext(DeviceConnection value)
        {
            lock (gate)
                ids.Add(value.Id);
        }

        public void OnError(Exception error) => HasEnded = true;

        public void OnCompleted() => HasEnded = true;

        public HashSet<string> Take()
        {
            lock (gate)
            {
                var taken = ids;
                ids = new(StringComparer.Ordinal);
                return taken;
            }
        }

        public void Dispose()
        {
            lock (gate)
                ids.Clear();
        }
    }
}
