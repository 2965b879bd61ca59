using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Rx.IotLink.Server;

namespace Rx.IotLink.Dashboard;

/// <summary>
/// Server-sent events: first all devices, then those whose state has changed, and a summary, once in each interval. No
/// line is sent. A listener that reads slowly gets fewer, newer events: of what has changed only the ids are kept.
/// </summary>
internal sealed class EventStream(IotLinkServer server, IotLinkDashboardOptions options)
{
    private const int RowsOfOneEvent = 500;

    // Made once for all listeners in each interval: it looks at each device.
    private readonly Lock gate = new();
    private readonly IStopwatch clock = DefaultScheduler.Instance.StartStopwatch();
    private SummaryView? latest;
    private TimeSpan madeAt;
    private int listeners;

    public async Task RunAsync(HttpContext context)
    {
        if (Interlocked.Increment(ref listeners) > options.MaxListeners)
        {
            Interlocked.Decrement(ref listeners);
            await Problems.Of(StatusCodes.Status503ServiceUnavailable, $"{options.MaxListeners} listen to events already.").ExecuteAsync(context).ConfigureAwait(false);
            return;
        }

        try
        {
            // Otherwise the host would wait for the listeners when it stops.
            var stopping = context.RequestServices.GetService<IHostApplicationLifetime>()?.ApplicationStopping ?? CancellationToken.None;
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
            await SendAsync(context.Response, ended.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
        {
            // The listener has left, or the server stops.
        }
        finally
        {
            Interlocked.Decrement(ref listeners);
        }
    }

    private async Task SendAsync(HttpResponse response, CancellationToken aborted)
    {
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-store";
        using var changed = new Changes();
        using var observing = server.ObserveConnections().Subscribe(changed);
        while (!aborted.IsCancellationRequested)
        {
            var ids = changed.Take();
            foreach (var part in ids.Chunk(RowsOfOneEvent))
            {
                var rows = part.Select(id => (Id: id, Device: server.GetConnection(id))).ToList();
                await WriteAsync(response, "devices", [.. rows.Where(r => r.Device is not null).Select(r => DeviceView.Of(r.Device!))], ViewsContext.Default.IReadOnlyListDeviceView, aborted).ConfigureAwait(false);
                if (rows.Exists(r => r.Device is null))
                    await WriteAsync(response, "forgotten", [.. rows.Where(r => r.Device is null).Select(r => r.Id)], ViewsContext.Default.IReadOnlyListString, aborted).ConfigureAwait(false);
            }

            await WriteAsync(response, "summary", Summary(), ViewsContext.Default.SummaryView, aborted).ConfigureAwait(false);
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

    private static async Task WriteAsync<T>(HttpResponse response, string name, T value, JsonTypeInfo<T> type, CancellationToken aborted)
    {
        // JSON has no line feeds, so it is one line of data.
        await response.WriteAsync($"event: {name}\ndata: {JsonSerializer.Serialize(value, type)}\n\n", aborted).ConfigureAwait(false);
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
