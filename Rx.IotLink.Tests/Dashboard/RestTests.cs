using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Rx.IotLink.Dashboard;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Dashboard;

/// <summary>The addresses of the control endpoint: what they answer, and how they refuse.</summary>
public sealed class RestTests : DashboardTest
{
    [Test]
    public async Task Devices_are_listed_by_state_and_a_part_of_their_ids_in_parts()
    {
        await StartAsync();
        foreach (var id in (string[])["pump-2", "pump-1", "fan-1"])
            await StartClient(Server, id).WaitUntilUpAsync().Within();
        (await JoinAsync(Server, "gone")).Dispose();
        await Server.Find("gone")!.State.Record().FirstAsync(s => s.Status == LinkStatus.Down);

        Assert.That(Ids(await GetAsync("api/devices")), Is.EqualTo(["fan-1", "gone", "pump-1", "pump-2"]));
        Assert.That(Ids(await GetAsync("api/devices?state=up&q=PUMP")), Is.EqualTo(["pump-1", "pump-2"]));
        var part = await GetAsync("api/devices?offset=1&limit=2");
        Assert.That((Ids(part), part.GetProperty("total").GetInt32()), Is.EqualTo((new[] { "gone", "pump-1" }, 4)));
        var gone = await GetAsync("api/devices/gone");
        Assert.That(gone.GetProperty("state").GetString(), Is.EqualTo("down"));
        Assert.That(gone.GetProperty("outage").GetProperty("reason").GetString(), Is.EqualTo("closed_by_peer"));
        Assert.That(gone.GetProperty("protocol").GetInt32(), Is.EqualTo(1));
        Assert.That(gone.GetProperty("since").GetDateTimeOffset(), Is.EqualTo(Server.GetConnection("gone")!.Since).Within(TimeSpan.FromMilliseconds(1)));
        Assert.That(gone.GetProperty("counters").GetProperty("outages").GetInt64(), Is.EqualTo(1));

        static IEnumerable<string> Ids(JsonElement list) => list.GetProperty("devices").EnumerateArray().Select(d => d.GetProperty("id").GetString()!).ToArray();
    }

    [Test]
    public async Task A_line_is_sent_and_seen_to_be_accepted_or_waits()
    {
        await StartAsync(new() { AcceptedWithin = TimeSpan.FromSeconds(1) });
        var client = StartClient(Server, "pump-1");
        await client.WaitUntilUpAsync().Within();

        var waiting = await AskAsync(HttpMethod.Post, "api/devices/pump-1/lines", new { line = "first" });
        Assert.That((waiting.Status, waiting.Body.GetProperty("state").GetString()), Is.EqualTo((202, "waiting")), "nobody reads at the device");
        var received = client.Lines.Record();
        var accepted = await AskAsync(HttpMethod.Post, "api/devices/pump-1/lines", new { line = "second \u00e4" });
        Assert.That((accepted.Status, accepted.Body.GetProperty("state").GetString()), Is.EqualTo((200, "accepted")));

        Assert.That(received.Values, Is.EqualTo(["first", "second \u00e4"]));
    }

    [Test]
    public async Task A_device_is_pinged_disconnected_and_forgotten()
    {
        await StartAsync();
        var client = StartClient(Server, "pump-1");
        await client.WaitUntilUpAsync().Within();

        var ping = await AskAsync(HttpMethod.Post, "api/devices/pump-1/ping");
        Assert.That((ping.Status, ping.Body.GetProperty("milliseconds").GetDouble()), Is.EqualTo((200, ping.Body.GetProperty("milliseconds").GetDouble())));
        Assert.That(ping.Body.GetProperty("milliseconds").GetDouble(), Is.InRange(0, 30_000));
        var states = client.State.Record();
        var kicked = await AskAsync(HttpMethod.Post, "api/devices/pump-1/disconnect");
        Assert.That((kicked.Status, kicked.Body.GetProperty("wasConnected").GetBoolean()), Is.EqualTo((200, true)));
        var left = await states.FirstAsync(s => s.Status == LinkStatus.Down);
        Assert.That(left.Outage, Is.EqualTo(new Outage(OutageReason.PeerLeft, "the peer left: disconnected")));
        await states.FirstAsync(s => s is { IsUp: true, Connections: 2 });
        await client.CloseAsync().Within();
        Assert.That((await AskAsync(HttpMethod.Delete, "api/devices/pump-1")).Status, Is.EqualTo(204));
        Assert.That(Server.Find("pump-1"), Is.Null);
        Assert.That((await AskAsync(HttpMethod.Delete, "api/devices/pump-1")).Status, Is.EqualTo(404));
    }

    [TestCase("a/b")]
    [TestCase("100%")]
    [TestCase("a%2Fb")]
    [TestCase("ein Gerät?#")]
    public async Task An_id_of_any_form_is_found_by_its_percent_encoding(string id)
    {
        await StartAsync(serverOptions: ServerOptions with { Expected = [id] });
        var client = StartClient(Server, id);
        await client.WaitUntilUpAsync().Within();
        var received = client.Lines.Record();

        var shown = await GetAsync($"api/devices/{Uri.EscapeDataString(id)}");
        var sent = await AskAsync(HttpMethod.Post, $"api/devices/{Uri.EscapeDataString(id)}/lines?x=/y", new { line = "here" });

        Assert.That(shown.GetProperty("id").GetString(), Is.EqualTo(id));
        Assert.That(sent.Status, Is.EqualTo(200));
        Assert.That(received.Values, Is.EqualTo(["here"]));
    }

    [TestCase("GET", "api/devices/nobody", null, 404)]
    [TestCase("GET", "api/devices?state=tired", null, 400)]
    [TestCase("GET", "api/devices?limit=0", null, 400)]
    [TestCase("GET", "api/devices?limit=1001", null, 400)]
    [TestCase("GET", "api/devices?offset=-1", null, 400)]
    [TestCase("GET", "api/nothing", null, 404)]
    [TestCase("PUT", "api/devices/up", null, 404)]
    [TestCase("POST", "api/devices/nobody/lines", """{"line":"x"}""", 404)]
    [TestCase("POST", "api/devices/up/lines", """{"line":"a\nb"}""", 400)]
    [TestCase("POST", "api/devices/up/lines", """{"line":5}""", 400)]
    [TestCase("POST", "api/devices/up/lines", """{"line":null}""", 400)]
    [TestCase("POST", "api/devices/up/lines", "{", 400)]
    [TestCase("POST", "api/devices/up/lines", "", 400)]
    [TestCase("POST", "api/devices/up/lines", """{"line":"\ud800"}""", 400)]
    [TestCase("POST", "api/devices/nobody/ping", null, 404)]
    [TestCase("POST", "api/devices/up/ping", null, 501)]
    [TestCase("POST", "api/devices/down/ping", null, 409)]
    [TestCase("POST", "api/devices/nobody/disconnect", null, 404)]
    [TestCase("DELETE", "api/devices/nobody", null, 404)]
    public async Task Bad_input_is_answered_with_problem_details_and_harms_nothing(string method, string path, string? body, int status)
    {
        await StartAsync();
        await JoinAsync(Server, "up");
        (await JoinAsync(Server, "down")).Dispose();
        await Server.Find("down")!.State.Record().FirstAsync(s => s.Status == LinkStatus.Down);

        var answer = await AskAsync(new(method), path, body is null ? null : new StringContent(body, Encoding.UTF8, "application/json"));

        Assert.That(answer.Status, Is.EqualTo(status));
        Assert.That(answer.Body.GetProperty("status").GetInt32(), Is.EqualTo(status));
        Assert.That(answer.Body.GetProperty("detail").GetString(), Is.Not.Empty);
        Assert.That(Server.GetConnection("up")!.IsUp, Is.True);
    }

    [Test]
    public async Task A_body_that_is_no_JSON_or_too_large_is_refused()
    {
        await StartAsync();
        await JoinAsync(Server, "up");

        var plain = await AskAsync(HttpMethod.Post, "api/devices/up/lines", new StringContent("""{"line":"x"}""", Encoding.UTF8, "text/plain"));
        var large = await AskAsync(HttpMethod.Post, "api/devices/up/lines", new StringContent($$"""{"line":"{{new string('x', 7_000_000)}}"}""", Encoding.UTF8, "application/json"), r => r.Headers.ExpectContinue = true);

        Assert.That((plain.Status, large.Status), Is.EqualTo((415, 413)));
    }

    [Test]
    public async Task The_summary_has_the_fleet_in_numbers()
    {
        await StartAsync();
        var client = StartClient(Server, "1");
        Server.Links.Subscribe(link => link.Lines.Subscribe());
        await client.WriteAsync("line").Within();
        var changes = Server.Changes.Record();
        using var silent = await ConnectAsync(Server, "bad\u0007id");
        await changes.FirstAsync(c => c.Kind == LinkChangeKind.Refused);

        var summary = await GetAsync("api/summary");

        Assert.That(summary.GetProperty("devices").GetInt32(), Is.EqualTo(1));
        Assert.That(summary.GetProperty("states").GetProperty("up").GetInt32(), Is.EqualTo(1));
        Assert.That(summary.GetProperty("received").GetInt64(), Is.EqualTo(1));
        Assert.That(summary.GetProperty("refused").EnumerateObject().Sum(r => r.Value.GetInt64()), Is.EqualTo(1));
    }

    [Test]
    public async Task Health_names_how_many_expected_devices_are_missing()
    {
        await StartAsync(serverOptions: ServerOptions with { Expected = ["1", "2"] });
        await JoinAsync(Server);
        Assert.That((await GetAsync("health")).GetRawText(), Is.EqualTo("""{"status":"degraded","detail":"1 expected device is not up"}"""));
        await JoinAsync(Server, "2");
        Assert.That((await GetAsync("health")).GetProperty("status").GetString(), Is.EqualTo("healthy"));
    }

    [Test]
    public async Task The_document_of_OpenAPI_has_each_address()
    {
        await StartAsync();

        var document = await Http.GetFromJsonAsync<JsonElement>(new Uri(Address, "/openapi/iotlink.json"));

        Assert.That(
            document.GetProperty("paths").EnumerateObject().SelectMany(p => p.Value.EnumerateObject().Where(m => m.Name != "parameters").Select(m => $"{m.Name} {p.Name}")),
            Is.SupersetOf(
            [
                "get /iotlink/api/devices", "get /iotlink/api/devices/{id}", "delete /iotlink/api/devices/{id}", "post /iotlink/api/devices/{id}/lines",
                "post /iotlink/api/devices/{id}/ping", "post /iotlink/api/devices/{id}/disconnect", "get /iotlink/api/summary", "get /iotlink/api/events", "get /iotlink/health",
            ]));
    }

    [Test]
    public void Options_do_not_show_their_token() => Assert.That(new IotLinkDashboardOptions { Token = Token }.ToString(), Does.Not.Contain(Token));

    [TestCase("short")]
    [TestCase("sixteen chars with blanks")]
    [TestCase("sixteen-characters-ä")]
    public void A_weak_or_impossible_token_is_refused_without_being_shown(string token) => Assert.That(
        async () => await StartAsync(new() { Token = token }),
        Throws.ArgumentException.With.Message.StartsWith("Token '…' has fewer than 16 characters").And.Message.Not.Contains(token));
}
