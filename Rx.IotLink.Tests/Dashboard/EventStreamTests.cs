using System.Net.ServerSentEvents;
using System.Reactive.Linq;
using System.Text.Json;
using NUnit.Framework;
using Rx.IotLink.Dashboard;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Dashboard;

/// <summary>Server-sent events: the devices, then what has changed, and summaries. No lines.</summary>
public sealed class EventStreamTests : DashboardTest
{
    private static readonly TimeSpan Often = TimeSpan.FromMilliseconds(100);

    [Test]
    public async Task All_devices_come_first_then_those_that_change_and_those_that_are_forgotten()
    {
        await StartAsync(new() { SummaryEvery = Often });
        await JoinAsync(Server);
        var second = await JoinAsync(Server, "2");
        await using var events = await ListenAsync();

        var all = await events.NextAsync("devices");
        Assert.That(States(all), Is.EquivalentTo([("1", "up"), ("2", "up")]));
        Assert.That((await events.NextAsync("summary")).GetProperty("states").GetProperty("up").GetInt32(), Is.EqualTo(2));
        second.Dispose();
        Assert.That(States(await events.NextAsync("devices")), Is.EqualTo([("2", "down")]));
        await Server.ForgetAsync("2").Within();
        Assert.That((await events.NextAsync("forgotten"))[0].GetString(), Is.EqualTo("2"));

        static IEnumerable<(string?, string?)> States(JsonElement devices) =>
            devices.EnumerateArray().Select(d => (d.GetProperty("id").GetString(), d.GetProperty("state").GetString()));
    }

    [Test]
    public async Task There_are_only_so_many_listeners_and_one_that_leaves_makes_room()
    {
        await StartAsync(new() { SummaryEvery = Often, MaxListeners = 1 });
        var first = await ListenAsync();
        await first.NextAsync("summary");
        Assert.That((await AskAsync(HttpMethod.Get, "api/events")).Status, Is.EqualTo(503));
        await first.DisposeAsync();

        await using var again = await Observable.Interval(TimeSpan.FromMilliseconds(10))
            .Select(_ => Observable.FromAsync(TryListenAsync)).Concat().FirstAsync(events => events is not null, "there is room again");
        await again!.NextAsync("summary");
    }

    [Test]
    public async Task All_listeners_share_the_summary_of_an_interval()
    {
        await StartAsync(new() { SummaryEvery = TimeSpan.FromHours(1) });
        await using var first = await ListenAsync();
        var told = await first.NextAsync("summary");
        await JoinAsync(Server);
        await using var second = await ListenAsync();

        Assert.That((await second.NextAsync("summary")).GetRawText(), Is.EqualTo(told.GetRawText()), "it is not made again");
    }

    [Test]
    public async Task The_stream_ends_when_the_server_stops()
    {
        await StartAsync(new() { SummaryEvery = Often });
        await using var events = await ListenAsync();
        await events.NextAsync("summary");

        await Server.StopAsync().Within();

        await events.EndAsync();
    }

    private async Task<Events> ListenAsync() => await TryListenAsync() ?? throw new AssertionException("refused");

    private async Task<Events?> TryListenAsync()
    {
        var response = await Http.GetAsync(new Uri("api/events", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead).WaitAsync(Bound.Limit);
        if (response.IsSuccessStatusCode)
            return new(response, await response.Content.ReadAsStreamAsync());
        response.Dispose();
        return null;
    }

    private sealed class Events(HttpResponseMessage response, Stream stream) : IAsyncDisposable
    {
        private readonly IAsyncEnumerator<SseItem<string>> items = SseParser.Create(stream).EnumerateAsync().GetAsyncEnumerator();

        /// <summary>The next event of a kind; others before it are passed over.</summary>
        public async Task<JsonElement> NextAsync(string kind)
        {
            while (await items.MoveNextAsync().AsTask().WaitAsync(Bound.Limit))
            {
                if (items.Current.EventType == kind)
                    return JsonElement.Parse(items.Current.Data);
            }

            throw new AssertionException($"no {kind}");
        }

        public async Task EndAsync()
        {
            while (await items.MoveNextAsync().AsTask().WaitAsync(Bound.Limit))
            {
                // What was under way.
            }
        }

        public async ValueTask DisposeAsync()
        {
            await stream.DisposeAsync();
            response.Dispose();
        }
    }
}
