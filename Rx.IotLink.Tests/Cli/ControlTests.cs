using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using NUnit.Framework;
using Rx.IotLink.Tests.Stores.Sqlite;

namespace Rx.IotLink.Tests.Cli;

/// <summary>What an operator does, with the real command at both ends.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
internal sealed class ControlTests
{
    private const string Token = "sixteen-characters-and-more";

    [Test]
    public async Task A_fleet_is_listed_and_its_devices_are_shown_sent_to_pinged_kicked_and_forgotten()
    {
        var (server, port, url) = await ServeAsync("--expect", "fan/1");
        await using var serving = server;
        await using var pump = IotLinkProcess.Connect(port, "pump-1", "--stay");
        await using var fan = IotLinkProcess.Connect(port, "fan/1", "--stay");
        await Task.WhenAll(server.EventAsync("pump-1 up"), server.EventAsync("fan/1 up"));

        var list = await RunAsync("ls", "--url", url);
        Assert.That(list.Output.Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[..2]), Is.EqualTo((string[][])[["ID", "STATE"], ["fan/1", "up"], ["pump-1", "up"]]));
        Assert.That((await RunAsync("ls", "--state", "down", "--url", url)).Output, Has.Count.EqualTo(1));
        Assert.That((await RunAsync("list", "--search", "fan", "--json", "--url", url)).Output.Single(), Does.StartWith("{\"id\":\"fan/1\",\"state\":\"up\""));
        Assert.That((await RunAsync("show", "fan/1", "--url", url)).Output, Does.Contain("state                    up").And.Some.StartWith("counters.received"));
        Assert.That((await RunAsync("send", "fan/1", "speed \"2\"", "--url", url)).Output, Is.EqualTo(["accepted"]));
        Assert.That(await fan.OutputAsync("speed"), Is.EqualTo("speed \"2\""));
        Assert.That((await RunAsync("ping", "pump-1", "--url", url)).Output.Single(), Does.Match("^[0-9.]+ ms$"));
        Assert.That((await RunAsync("kick", "pump-1", "--url", url)).Output, Is.EqualTo(["disconnected"]));
        await server.EventAsync("pump-1 up (connection 2)");
        pump.Signal();
        Assert.That(await pump.ExitAsync(), Is.Zero);
        Assert.That((await RunAsync("forget", "pump-1", "--url", url)).Output, Is.EqualTo(["forgotten"]));
        var gone = await RunAsync("show", "pump-1", "--url", url);
        Assert.That((gone.Code, gone.Events.Single()), Is.EqualTo((1, "iotlink: No device 'pump-1' is known: it has not connected since this server started.")));
    }

    [Test]
    public async Task Metrics_health_and_the_document_of_OpenAPI_are_on_the_page_and_it_ends_with_the_server()
    {
        var (server, port, url) = await ServeAsync();
        await using var serving = server;
        await using var pump = IotLinkProcess.Connect(port, "pump-1", "--stay");
        await server.EventAsync("pump-1 up");
        using var http = new HttpClient { BaseAddress = new(url) };

        Assert.That(await http.GetStringAsync(new Uri("metrics", UriKind.Relative)), Does.Match("(?m)^iotlink_link_count\\{[^}]*iotlink_link_state=\"up\"[^}]*\\} 1$"));
        Assert.That(await http.GetStringAsync(new Uri("health", UriKind.Relative)), Does.StartWith("{\"status\":\"healthy\""));
        Assert.That(JsonElement.Parse(await http.GetStringAsync(new Uri("openapi/iotlink.json", UriKind.Relative))).GetProperty("paths").EnumerateObject().Count(), Is.GreaterThan(5));
        using var listening = await http.GetAsync(new Uri("api/events", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
        server.Signal();
        Assert.That(await server.ExitAsync(), Is.Zero);
    }

    [Test]
    public async Task A_token_protects_all_of_it()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder["token"], Token + "\n");
        var (server, _, url) = await ServeAsync("--token-file", folder["token"]);
        await using var serving = server;
        using var http = new HttpClient { BaseAddress = new(url) };

        foreach (var path in (string[])["api/page", "metrics", "health", "openapi/iotlink.json", "api/devices", "api/events", "nothing"])
        {
            using var refused = await http.GetAsync(new Uri(path, UriKind.Relative));
            Assert.That((refused.StatusCode, refused.Content.Headers.ContentType?.MediaType), Is.EqualTo((HttpStatusCode.Unauthorized, "application/problem+json")), path);
        }

        Assert.That(await http.GetStringAsync(new Uri("", UriKind.Relative)), Does.Contain("<title>IotLink fleet</title>"), "the page asks for the token itself");
        var without = await RunAsync("ls", "--url", url);
        Assert.That((without.Code, without.Events.Single()), Is.EqualTo((1, "iotlink: The token is missing or wrong.")));
        Assert.That((await RunAsync("ls", "--url", url, "--token", "another-token-of-sixteen")).Code, Is.EqualTo(1));
        Assert.That((await RunAsync("ls", "--url", url, "--token", Token)).Code, Is.Zero);
        Assert.That((await RunAsync("ls", "--url", url, "--token-file", folder["token"])).Code, Is.Zero);
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        Assert.That(await http.GetStringAsync(new Uri("metrics", UriKind.Relative)), Does.Contain("iotlink_server_connections_total"));
    }

    [Test]
    public async Task Metrics_are_refused_to_a_foreign_host_too()
    {
        var (server, _, url) = await ServeAsync();
        await using var serving = server;
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, url + "metrics");
        request.Headers.Host = "evil.example";

        using var refused = await http.SendAsync(request);

        Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.Forbidden));
    }

    [TestCase("serve --port 0 --page 0.0.0.0:0", "--page 0.0.0.0:0 can be reached from other machines, so it needs a token")]
    [TestCase("serve --port 0 --page localhost", "--page must be a port from 0 to 65535, or ADDRESS:PORT")]
    [TestCase("serve --port 0 --page ::1", "--page must be a port from 0 to 65535, or ADDRESS:PORT")]
    [TestCase("serve --port 0 --page 65536", "--page must be a port")]
    [TestCase("serve --port 0 --page 192.0.2.1:1 --token-file none", "--token-file: Could not find file")]
    [TestCase("ls --url ftp://x", "--url must be an address that begins with http:// or https://, not 'ftp://x'")]
    [TestCase("ls --token short", "The token has fewer than 16 characters")]
    [TestCase("kick", "Required argument")]
    [TestCase("serv", "'serv' is not a command, option or argument here. Did you mean 'serve'? See")]
    [TestCase("tpo", "Did you mean 'top'?")]
    [TestCase("ls --serch x", "Did you mean '--search'?")]
    [TestCase("xyzzy", "'xyzzy' is not a command, option or argument here. See")]
    [TestCase("top --sort colour", "colour")]
    public async Task A_bad_option_is_one_sentence_and_exit_code_2(string arguments, string sentence)
    {
        var (code, output, events) = await RunAsync(arguments.Split(' '));
        Assert.That((code, output.Count, events.Count), Is.EqualTo((2, 0, 1)));
        Assert.That(events[0], Does.Contain(sentence));
    }

    [Test]
    public async Task A_page_whose_port_is_taken_ends_the_command_with_2_and_no_server_there_is_told()
    {
        var (server, _, url) = await ServeAsync();
        await using var serving = server;
        var taken = await RunAsync("serve", "--port", "0", "--page", $"{new Uri(url).Port}");
        Assert.That((taken.Code, taken.Events[^1]), Is.EqualTo((2, taken.Events[^1])));
        Assert.That(taken.Events[^1], Does.Contain("address already in use"));

        server.Signal();
        await server.ExitAsync();
        var nobody = await RunAsync("ls", "--url", url);
        Assert.That((nobody.Code, nobody.Events.Single()), Is.EqualTo((1, nobody.Events.Single())));
        Assert.That(nobody.Events.Single(), Does.StartWith($"iotlink: {url} does not answer: "));
    }

    private static async Task<(IotLinkProcess Server, int Port, string Url)> ServeAsync(params string[] arguments)
    {
        var (server, port) = await IotLinkProcess.ServeAsync(["--page", "0", .. arguments]);
        return (server, port, (await server.EventAsync("page on "))["page on ".Length..].TrimEnd('/') + "/");
    }

    private static async Task<(int Code, IList<string> Output, IList<string> Events)> RunAsync(params string[] arguments)
    {
        await using var command = IotLinkProcess.Start(arguments);
        command.EndInput();
        var code = await command.ExitAsync();
        return (code, await IotLinkProcess.AllAsync(command.Output), await IotLinkProcess.AllAsync(command.Events));
    }
}
