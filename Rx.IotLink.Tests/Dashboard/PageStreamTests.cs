using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json;
using NUnit.Framework;
using Rx.IotLink.Dashboard;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Dashboard;

/// <summary>What the page is sent, and its files: over HTTP, without a browser.</summary>
public sealed class PageStreamTests : DashboardTest
{
    private static readonly IotLinkDashboardOptions Often = new() { SummaryEvery = TimeSpan.FromMilliseconds(100) };

    [Test]
    public async Task Only_the_rows_that_have_changed_come_again()
    {
        await StartAsync(Often);
        var peers = new List<RawPeer>();
        for (var i = 1; i <= 3; i++)
            peers.Add(await JoinAsync(Server, $"{i}"));
        await using var events = await ListenAsync("");

        var first = await events.NextAsync("rows");
        Assert.That(first.GetProperty("ids").EnumerateArray().Select(id => id.GetString()), Is.EqualTo(["1", "2", "3"]));
        Assert.That(first.GetProperty("rows").GetArrayLength(), Is.EqualTo(3));
        peers[1].Dispose();
        var next = await events.NextAsync("rows");
        Assert.That(next.GetProperty("ids").GetArrayLength(), Is.EqualTo(3));
        var row = next.GetProperty("rows").EnumerateArray().Single();
        Assert.That((row.GetProperty("id").GetString(), row.GetProperty("state").GetString()), Is.EqualTo(("2", "down")));
        await Server.ForgetAsync("3").Within();
        var last = await events.NextAsync("rows");
        Assert.That(last.GetProperty("ids").EnumerateArray().Select(id => id.GetString()), Is.EqualTo(["1", "2"]));
        Assert.That(last.GetProperty("rows").GetArrayLength(), Is.Zero);
    }

    [Test]
    public async Task A_part_of_the_devices_in_an_order_is_asked_for()
    {
        await StartAsync(Often);
        for (var i = 1; i <= 4; i++)
            await JoinAsync(Server, $"pump-{i}");
        using (await JoinAsync(Server, "valve"))
        {
            // It is gone at once.
        }

        await Server.ObserveConnections().FirstAsync(d => d is { Id: "valve", IsUp: false });
        Assert.That(await IdsAsync("sort=id&order=desc&limit=2"), Is.EqualTo((5, "valve pump-4")));
        Assert.That(await IdsAsync("sort=state"), Is.EqualTo((5, "valve pump-1 pump-2 pump-3 pump-4")));
        Assert.That(await IdsAsync("state=up&offset=3"), Is.EqualTo((4, "pump-4")));
        Assert.That(await IdsAsync("q=CLOSED_by"), Is.EqualTo((1, "valve")));
        Assert.That(await IdsAsync("q=-2"), Is.EqualTo((1, "pump-2")));
        Assert.That(await IdsAsync("offset=2147483647"), Is.EqualTo((5, "")));

        async Task<(int, string)> IdsAsync(string query)
        {
            await using var events = await ListenAsync(query);
            var rows = await events.NextAsync("rows");
            return (rows.GetProperty("total").GetInt32(), string.Join(' ', rows.GetProperty("ids").EnumerateArray().Select(id => id.GetString())));
        }
    }

    [TestCase("state=gone")]
    [TestCase("sort=colour")]
    [TestCase("order=up")]
    [TestCase("offset=-1")]
    [TestCase("limit=0")]
    [TestCase("limit=201")]
    [TestCase("limit=x")]
    public async Task A_question_that_makes_no_sense_is_refused(string query)
    {
        await StartAsync();
        Assert.That((await AskAsync(HttpMethod.Get, $"api/page?{query}")).Status, Is.EqualTo(400));
    }

    /// <summary>A device is looked at; the application alone decides what becomes of its lines.</summary>
    [Test]
    public async Task Last_lines_are_shown_and_looking_accepts_none()
    {
        await StartAsync(Often with { LastLines = 2 });
        var device = StartClient(Server);
        var waiting = device.WriteAsync("first");
        await using var events = await ListenAsync("device=1");
        await Server.ObserveConnections(TimeSpan.FromMilliseconds(10)).FirstAsync(d => d.Counters.Inbox == 1);
        Assert.That((await events.NextAsync("device", d => d.GetProperty("device").GetProperty("counters").GetProperty("inbox").GetInt32() == 1)).GetProperty("lines").GetArrayLength(), Is.Zero);
        Assert.That(waiting.IsCompleted, Is.False, "nobody has accepted it");

        using var application = Server.Find("1")!.Lines.Subscribe(_ => { });
        await waiting.Within();
        await device.WriteAsync("second").Within();
        await device.WriteAsync(new string('ä', 300)).Within();
        var lines = (await events.NextAsync("device", d => d.GetProperty("lines").EnumerateArray().Any(l => !l.GetProperty("isWhole").GetBoolean()))).GetProperty("lines");
        Assert.That(lines.EnumerateArray().Select(l => l.GetProperty("text").GetString()), Is.EqualTo(["second", new string('ä', 256)]));
    }

    [Test]
    public async Task Lines_are_not_kept_if_that_is_not_wanted()
    {
        await StartAsync(Often with { LastLines = 0 });
        using var application = Server.Links.Subscribe(link => link.Lines.Subscribe(_ => { }));
        await StartClient(Server).WriteAsync("secret").Within();
        await using var events = await ListenAsync("device=1");
        var device = await events.NextAsync("device");
        Assert.That(device.GetRawText(), Does.Not.Contain("secret"));
        Assert.That(device.GetProperty("keepsLines").GetBoolean(), Is.False);
    }

    [Test]
    public async Task States_of_the_past_are_there_for_who_comes_later_and_end_with_the_device()
    {
        await StartAsync(Often);
        using (await JoinAsync(Server))
            await UntilAsync("up");
        await UntilAsync("up down");
        await JoinAsync(Server);
        await UntilAsync("up down up");
        await using var events = await ListenAsync("device=1");
        await Server.ForgetAsync("1").Within();
        await events.NextAsync("device", d => d.ValueKind == JsonValueKind.Null);
        await JoinAsync(Server);
        var again = await events.NextAsync("device", d => d.ValueKind != JsonValueKind.Null && d.GetProperty("states").GetArrayLength() > 0);
        Assert.That(again.GetProperty("device").GetProperty("counters").GetProperty("outages").GetInt32(), Is.Zero);
        Assert.That(again.GetProperty("states").EnumerateArray().Count(s => s.GetProperty("state").GetString() == "down"), Is.Zero);
    }

    /// <summary>A new page is sent these states of device 1, at last.</summary>
    private async Task UntilAsync(string states)
    {
        await using var events = await ListenAsync("device=1");
        await events.NextAsync("device", d => d.ValueKind != JsonValueKind.Null
            && string.Join(' ', d.GetProperty("states").EnumerateArray().Select(s => s.GetProperty("state").GetString())).EndsWith(states, StringComparison.Ordinal));
    }

    [Test]
    public async Task The_files_are_there_without_a_token_and_hold_a_policy()
    {
        await StartAsync(new() { Token = Token });
        using var page = await Http.GetAsync(new Uri("", UriKind.Relative));
        Assert.That(page.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(page.Content.Headers.ContentType!.ToString(), Is.EqualTo("text/html; charset=utf-8"));
        var policy = page.Headers.GetValues("Content-Security-Policy").Single();
        Assert.That(policy, Does.Contain("default-src 'none'").And.Contain("script-src 'self';").And.Not.Contain("unsafe"));
        var html = await page.Content.ReadAsStringAsync();
        Assert.That(html, Does.Not.Contain("<style").And.Not.Contain(" style=").And.Not.Contain("://").And.Not.Match("<script[^>]*>[^<]"));
        foreach (var file in (string[])["app.js", "style.css", "uPlot.iife.min.js", "uPlot.LICENSE.txt", "icon.svg"])
        {
            using var response = await Http.GetAsync(new Uri(file, UriKind.Relative));
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), file);
            using var again = new HttpRequestMessage(HttpMethod.Get, file);
            again.Headers.IfNoneMatch.Add(response.Headers.ETag!);
            using var unchanged = await Http.SendAsync(again);
            Assert.That(unchanged.StatusCode, Is.EqualTo(HttpStatusCode.NotModified), file);
        }

        Assert.That((await AskAsync(HttpMethod.Get, "api/page")).Status, Is.EqualTo(401));
        using var missing = await Http.GetAsync(new Uri("nothing.js", UriKind.Relative));
        Assert.That(missing.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [TestCase("Host", "evil.example", 403)]
    [TestCase("X-Forwarded-For", "10.0.0.1", 403)]
    [TestCase("Sec-Fetch-Site", "cross-site", 200)]
    public async Task A_foreign_host_gets_no_file_but_a_page_of_others_may_lead_there(string header, string value, int status)
    {
        await StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "");
        request.Headers.TryAddWithoutValidation(header, value);
        using var response = await Http.SendAsync(request);
        Assert.That((int)response.StatusCode, Is.EqualTo(status));
        Assert.That((await AskAsync(HttpMethod.Get, "api/page", change: r => r.Headers.TryAddWithoutValidation(header, value))).Status, Is.EqualTo(403));
    }

    [Test]
    public async Task Without_its_slash_the_address_leads_to_the_page()
    {
        await StartAsync();
        using var response = await Http.GetAsync(new Uri("../iotlink?x=1", UriKind.Relative));
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(response.RequestMessage!.RequestUri!.PathAndQuery, Is.EqualTo("/iotlink/?x=1"));
    }

    [Test]
    public async Task There_is_no_page_where_none_is_wanted()
    {
        await StartAsync(new() { Page = false });
        using var response = await Http.GetAsync(new Uri("", UriKind.Relative));
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await AskAsync(HttpMethod.Get, "api/page")).Status, Is.EqualTo(404));
        Assert.That((await AskAsync(HttpMethod.Get, "api/devices")).Status, Is.EqualTo(200));
    }

    [Test]
    public async Task The_stream_ends_when_the_server_stops_and_listeners_are_counted_with_the_others()
    {
        await StartAsync(Often with { MaxListeners = 1 });
        await using var events = await ListenAsync("");
        await events.NextAsync("summary");
        Assert.That((await AskAsync(HttpMethod.Get, "api/events")).Status, Is.EqualTo(503));
        await Server.StopAsync().Within();
        await events.EndAsync();
    }

    private async Task<PageEvents> ListenAsync(string query)
    {
        var response = await Http.GetAsync(new Uri($"api/page?{query}", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead).WaitAsync(Bound.Limit);
        response.EnsureSuccessStatusCode();
        return new(response, await response.Content.ReadAsStreamAsync());
    }

    private sealed class PageEvents(HttpResponseMessage response, Stream stream) : IAsyncDisposable
    {
        private readonly IAsyncEnumerator<SseItem<string>> items = SseParser.Create(stream).EnumerateAsync().GetAsyncEnumerator();

        /// <summary>The next event of a kind of which it holds; others before it are passed over.</summary>
        public async Task<JsonElement> NextAsync(string kind, Func<JsonElement, bool>? holds = null)
        {
            while (await items.MoveNextAsync().AsTask().WaitAsync(Bound.Limit))
            {
                if (items.Current.EventType == kind && JsonElement.Parse(items.Current.Data) is var data && (holds is null || holds(data)))
                    return data;
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
