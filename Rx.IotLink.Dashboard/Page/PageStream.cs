using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Rx.IotLink.Server;

namespace Rx.IotLink.Dashboard;

/// <summary>
/// What the page is sent, once in each interval: the fleet in numbers, and of what it shows the rows that have changed.
/// So its cost does not grow with the fleet, and no line is sent but the last ones of the device that is looked at.
/// </summary>
internal sealed class PageStream(IotLinkServer server, FleetHistory history, IotLinkDashboardOptions options)
{
    private const int SparkSamples = 24;

    private const int MissingShown = 20;

    // Made once for all listeners in each interval: it looks at each device.
    private readonly Lock gate = new();
    private readonly IStopwatch clock = DefaultScheduler.Instance.StartStopwatch();
    private Picture? latest;

    public async Task SendAsync(PageQuery query, HttpResponse response, CancellationToken aborted)
    {
        var told = new Dictionary<string, string>(StringComparer.Ordinal);
        string? toldSummary = null, toldIds = null, toldDevice = null;
        var toldSamples = -1;
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var ending = server.Changes.Subscribe(_ => { }, _ => ended.TrySetResult(), () => ended.TrySetResult());
        while (!aborted.IsCancellationRequested)
        {
            var picture = Current();
            await SendAsync("summary", picture.Summary, toldSummary).ConfigureAwait(false);
            toldSummary = picture.Summary;
            var (total, rows) = Rows(query, picture);
            var ids = rows.ConvertAll(row => row.Id);
            var changed = rows.ConvertAll(row => (row.Id, Json: JsonSerializer.Serialize(row, ViewsContext.Default.PageRowView)))
                .FindAll(row => told.GetValueOrDefault(row.Id) != row.Json);
            var allIds = $"\"total\":{total},\"ids\":{JsonSerializer.Serialize(ids, ViewsContext.Default.IReadOnlyListString)}";
            if (changed.Count > 0 || allIds != toldIds)
                await SendAsync("rows", $"{{{allIds},\"rows\":[{string.Join(',', changed.Select(row => row.Json))}]}}", null).ConfigureAwait(false);
            toldIds = allIds;
            Remember(told, ids, changed);
            if (query.Device.Length > 0)
            {
                var device = Device(query.Device);
                await SendAsync("device", device, toldDevice).ConfigureAwait(false);
                toldDevice = device;
            }

            if (history.Taken != toldSamples)
            {
                toldSamples = history.Taken;
                await Listeners.WriteAsync(response, "fleet", history.Fleet(), ViewsContext.Default.FleetSeriesView, aborted).ConfigureAwait(false);
            }

            await response.Body.FlushAsync(aborted).ConfigureAwait(false);
            if (ended.Task.IsCompleted)
                return;
            await Observable.Timer(options.SummaryEvery, DefaultScheduler.Instance).ToTask(aborted).ConfigureAwait(false);
        }

        Task SendAsync(string name, string json, string? before) =>
            json == before ? Task.CompletedTask : Listeners.WriteAsync(response, name, json, aborted);
    }

    /// <summary>Only what is on the page is remembered: the page forgets the others too.</summary>
    private static void Remember(Dictionary<string, string> told, List<string> ids, List<(string Id, string Json)> changed)
    {
        if (told.Count > ids.Count || changed.Count > 0)
        {
            foreach (var gone in told.Keys.Except(ids, StringComparer.Ordinal).ToList())
                told.Remove(gone);
        }

        foreach (var (id, json) in changed)
            told[id] = json;
    }

    private (int Total, List<PageRowView> Rows) Rows(PageQuery query, Picture picture)
    {
        var found = picture.Devices.AsEnumerable();
        if (query.State.Length > 0)
            found = found.Where(device => Words.Of(device.State.Status) == query.State);
        if (query.Search.Length > 0)
            found = found.Where(device => device.Id.Contains(query.Search, StringComparison.OrdinalIgnoreCase)
                || (device.State.Outage is { } outage && Words.Of(outage.Reason).Contains(query.Search, StringComparison.OrdinalIgnoreCase)));
        var list = found.ToList();
        // Those that are equal are in the order of their ids: the devices of a picture are, and the sort is stable.
        var sorted = query.Sort switch
        {
            "state" => By(device => StateOrder(device.State.Status)),
            "since" => By(device => device.Since),
            "received" => By(device => history.Of(device.Id)?.Rates().Received ?? 0),
            "sent" => By(device => history.Of(device.Id)?.Rates().Sent ?? 0),
            "outbox" => By(device => device.Counters.Outbox),
            _ => query.Descending ? list.AsEnumerable().Reverse() : list,
        };
        return (list.Count, [.. sorted.Skip(query.Offset).Take(query.Limit).Select(Row)]);

        IEnumerable<DeviceConnection> By<T>(Func<DeviceConnection, T> key) => query.Descending ? list.OrderByDescending(key) : list.OrderBy(key);
    }

    /// <summary>Those that want attention come first.</summary>
    private static int StateOrder(LinkStatus status) => status switch
    {
        LinkStatus.Down => 0,
        LinkStatus.Connecting => 1,
        LinkStatus.Up => 3,
        _ => 2,
    };

    private PageRowView Row(DeviceConnection device)
    {
        var past = history.Of(device.Id);
        var (received, sent) = past?.Rates() ?? default;
        return new(
            device.Id, Words.Of(device.State.Status), device.Since, OutageView.Of(device.State), received, sent,
            device.Counters.Outbox, device.Counters.Inbox, past?.Spark(SparkSamples) ?? []);
    }

    /// <summary>All about a device, as JSON; <c>null</c> if there is no such device.</summary>
    private string Device(string id)
    {
        if (server.GetConnection(id) is not { } device)
            return "null";
        var past = history.Of(id);
        var (states, received, sent) = past?.All() ?? ([], [], []);
        return JsonSerializer.Serialize(
            new(
                DeviceView.Of(device),
                [.. states.Select(state => new StateView(Words.Of(state.Status), state.Since, OutageView.Of(state)))],
                FleetHistory.SampleEvery.TotalSeconds,
                received,
                sent,
                past?.Tail is not null,
                [.. (past?.Tail?.Lines() ?? []).Select(line => new LineView(line.At, line.Text, line.IsWhole))]),
            ViewsContext.Default.PageDeviceView);
    }

    private Picture Current()
    {
        lock (gate)
        {
            // A little less, so that a listener does not get the same one twice.
            if (latest is not null && clock.Elapsed - latest.MadeAt < 0.9 * options.SummaryEvery)
                return latest;
            var devices = server.GetConnections().ToArray();
            Array.Sort(devices, static (a, b) => string.CompareOrdinal(a.Id, b.Id));
            var missing = server.MissingIds;
            var summary = new PageSummaryView(
                SummaryView.Of(server, devices, DefaultScheduler.Instance.Now), HealthView.Of(missing.Count, server.FailingStores.Count), missing.Count, [.. missing.Take(MissingShown)]);
            return latest = new(clock.Elapsed, devices, JsonSerializer.Serialize(summary, ViewsContext.Default.PageSummaryView));
        }
    }

    private sealed record Picture(TimeSpan MadeAt, DeviceConnection[] Devices, string Summary);
}
