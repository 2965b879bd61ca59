using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Examples;

/// <summary>The web application: its pages are asked for, and a real device joins it.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed partial class AspNetTests
{
    private readonly HttpClient http = new() { Timeout = Bound.Limit };
    private Process process = null!;
    private int port;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        process = Process.Start(new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            [Path.Combine(AppContext.BaseDirectory, "AspNet.dll"), "--web-port", "0", "--port", "0", "--devices", "1", "--seconds", "120"])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        })!;
        var story = "";
        while (!(PagesAddress().IsMatch(story) && DevicesPort().IsMatch(story)) && await process.StandardOutput.ReadLineAsync().Within() is { } line)
            story += line + "\n";
        http.BaseAddress = new Uri(PagesAddress().Match(story).Value);
        port = int.Parse(DevicesPort().Match(story).Groups["port"].ValueSpan);
        _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
    }

    [OneTimeTearDown]
    public void Stop()
    {
        process.Kill(entireProcessTree: true);
        process.Dispose();
        http.Dispose();
    }

    [Test]
    public async Task The_page_is_there()
    {
        using var response = await http.GetAsync("/");

        Assert.That(response.Content.Headers.ContentType!.MediaType, Is.EqualTo("text/html"));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("new EventSource('/events')"));
    }

    [Test]
    public async Task What_a_device_says_comes_as_an_event_and_what_a_page_says_goes_to_the_device()
    {
        await using var device = IotLinkClient.Start(new() { Host = "127.0.0.1", Port = port, Id = "pump-1" });
        var told = device.Lines.Record();
        await using var stream = await http.GetStreamAsync("/events");
        var events = SseParser.Create(stream).EnumerateAsync().GetAsyncEnumerator();

        // Text that would be markup, and more than one byte a character.
        await device.WriteAsync("<b>23 °C</b>").Within();
        var line = await NextAsync(events, "line", e => e.GetProperty("id").GetString() == "pump-1");
        Assert.That(line.GetProperty("line").GetString(), Is.EqualTo("<b>23 °C</b>"));
        var row = await NextAsync(events, "device", e => e.GetProperty("id").GetString() == "pump-1" && e.GetProperty("received").GetInt32() == 1);
        Assert.That(row.GetProperty("isUp").GetBoolean(), Is.True);

        using var sent = await http.PostAsJsonAsync("/devices/pump-1/lines", new { line = "valve open" });
        Assert.That(sent.StatusCode, Is.EqualTo(HttpStatusCode.NoContent), "the device has accepted it");
        Assert.That(told.Values, Is.EqualTo(["valve open"]));
        await events.DisposeAsync();
    }

    [Test]
    public async Task A_line_that_cannot_be_sent_is_refused_with_a_reason()
    {
        await using var device = IotLinkClient.Start(new() { Host = "127.0.0.1", Port = port, Id = "pump-2" });
        await device.WriteAsync("hello").Within();

        using var twoLines = await http.PostAsJsonAsync("/devices/pump-2/lines", new { line = "one\ntwo" });
        Assert.That((twoLines.StatusCode, await twoLines.Content.ReadFromJsonAsync<string>()), Is.EqualTo((HttpStatusCode.BadRequest, (await ReasonAsync(device, "one\ntwo")).Message)));
        using var stranger = await http.PostAsJsonAsync("/devices/nobody/lines", new { line = "one" });
        Assert.That(stranger.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        using var plain = await http.PostAsync("/devices/pump-2/lines", new StringContent("{\"line\":\"one\"}"));
        Assert.That(plain.StatusCode, Is.EqualTo(HttpStatusCode.UnsupportedMediaType), "a form of another site");
    }

    [Test]
    public async Task A_foreign_name_for_this_machine_is_refused()
    {
        using var rebound = new HttpRequestMessage(HttpMethod.Get, "/devices") { Headers = { Host = "evil.example" } };
        using var refused = await http.SendAsync(rebound);
        Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));

        using var named = new HttpRequestMessage(HttpMethod.Get, "/devices") { Headers = { Host = "localhost:" + http.BaseAddress!.Port } };
        using var answered = await http.SendAsync(named);
        Assert.That(answered.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task So_many_pages_at_a_time_and_no_more()
    {
        var pages = new List<HttpResponseMessage>();
        HttpResponseMessage? refused = null;
        try
        {
            // Other tests may have a page open, too.
            while (refused is null && pages.Count <= 100)
            {
                var page = await http.GetAsync("/events", HttpCompletionOption.ResponseHeadersRead).Within();
                if (page.StatusCode == HttpStatusCode.OK)
                    pages.Add(page);
                else
                    refused = page;
            }

            Assert.That(refused?.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
            Assert.That(pages, Has.Count.InRange(95, 100));
        }
        finally
        {
            refused?.Dispose();
            foreach (var page in pages)
                page.Dispose();
        }

        using var again = await Poll(() => http.GetAsync("/events", HttpCompletionOption.ResponseHeadersRead), page => page.StatusCode == HttpStatusCode.OK);
    }

    [Test]
    public async Task The_devices_are_a_list_and_the_health_is_reported()
    {
        var row = await Poll(() => http.GetFromJsonAsync<JsonElement>("/devices"), rows => rows.EnumerateArray().Any(r => r.GetProperty("isUp").GetBoolean()));
        Assert.That(row[0].GetProperty("id").GetString(), Is.EqualTo("device-a"));
        Assert.That(await http.GetStringAsync("/health"), Is.EqualTo("Healthy"));
    }

    private static async Task<ArgumentException> ReasonAsync(IotLinkClient link, string line)
    {
        try
        {
            await link.WriteAsync(line);
        }
        catch (ArgumentException reason)
        {
            return reason;
        }

        throw new AssertionException("It was written.");
    }

    private static async Task<T> Poll<T>(Func<Task<T>> ask, Func<T, bool> holds)
    {
        for (var asked = Stopwatch.StartNew(); asked.Elapsed < Bound.Limit;)
        {
            var answer = await ask();
            if (holds(answer))
                return answer;
        }

        throw new AssertionException("It never held.");
    }

    private static async Task<JsonElement> NextAsync(IAsyncEnumerator<SseItem<string>> events, string kind, Func<JsonElement, bool> holds)
    {
        while (await events.MoveNextAsync().Within())
        {
            if (events.Current.EventType == kind && JsonSerializer.Deserialize<JsonElement>(events.Current.Data) is var value && holds(value))
                return value;
        }

        throw new AssertionException($"The events ended without the {kind}.");
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+/", RegexOptions.None, 1_000)]
    private static partial Regex PagesAddress();

    [GeneratedRegex(@"port (?<port>\d+)", RegexOptions.None, 1_000)]
    private static partial Regex DevicesPort();
}
