using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.House;
using Rx.IotLink.Tests.Mqtt;
using Rx.IotLink.Tests.Processes;
using Rx.IotLink.Tests.Security;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Stores.Sqlite;
using Rx.IotLink.Tests.Webhooks;

namespace Rx.IotLink.Tests.Native;

/// <summary>
/// The command as one native binary, published as docs/operations.md says, and a Debian package of it. What the tests
/// of the command show of the managed one is shown here of what trimming and compiling ahead could break: JSON,
/// endpoints, the database, TLS, libraries of others. (IOTLINK_COMMAND lets all tests of the command run with it.)
/// </summary>
[TestFixture]
[Platform("Linux")]
public sealed class NativeTests : ServerTest
{
    private string program = "";

    [SetUp]
    public async Task UsePublishedAsync() => program = Path.Combine(await NativeProgram.GetAsync(), "iotlink");

    [Test]
    public async Task It_says_its_version_and_help_without_any_NET()
    {
        var file = new FileInfo(program);
        Assert.That(File.Exists(Path.Combine(file.DirectoryName!, "iotlink.dll")), Is.False);
        await TestContext.Out.WriteLineAsync($"{file.Length} bytes, and {string.Join(", ", file.Directory!.GetFiles("*.so").Select(so => $"{so.Name} {so.Length}"))}");
        Assert.That((await RunAsync("--version")).Output, Does.StartWith("0.1.0"));
        foreach (var command in (string[])["", "serve", "connect", "bridge", "key new", "bench", "top", "revoke", "postgres-sql"])
            Assert.That(await RunAsync([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]), Has.Property("Exit").Zero.And.Property("Output").Contains("iotlink"), command);
        Assert.That((await RunAsync("[suggest:11]", "iotlink ser")).Output.Trim(), Is.EqualTo("serve"));
        Assert.That((await RunAsync("serv")).Errors, Does.Contain("Did you mean 'serve'?"));
        Assert.That((await RunAsync("postgres-sql")).Output, Does.Contain("CREATE TABLE"));
        Assert.That((await RunAsync("key", "new", "pump-1")).Output, Does.Match("^pump-1 [0-9a-f]{64}\n$"));
    }

    [Test]
    public async Task Lines_go_both_ways_and_survive_its_end_in_a_store([Values] bool json)
    {
        using var folder = new TemporaryFolder();
        string[] form = json ? ["--json"] : [];
        var (server, port) = await ServeAsync("--store", folder["fleet.db"], "--expect", "pump-1", "--drain", "0");
        await server.WriteAsync("pump-1\topen\n");
        await using var pump = Start(["connect", $"127.0.0.1:{port}", "--id", "pump-1", "--stay", .. form]);
        Assert.That(await pump.OutputAsync("open"), json ? Does.StartWith("""{"id":"pump-1","line":"open","epoch":""") : Is.EqualTo("open"));
        await pump.WriteAsync(json ? """{"line":"ö \"1\""}""" + "\n" : "ö \"1\"\n");
        Assert.That(await server.OutputAsync("ö"), Is.EqualTo("pump-1\tö \"1\""));
        pump.Signal();
        Assert.That(await pump.ExitAsync(), Is.Zero);

        await server.EventAsync("pump-1 down");
        await server.WriteAsync("pump-1\tkept\npump-1\tlast\n");
        server.EndInput();
        server.Signal();
        Assert.That(await server.ExitAsync(), Is.EqualTo(1), "two lines are left");
        await server.DisposeAsync();
        (server, port) = await ServeAsync("--store", folder["fleet.db"]);
        await using var again = server;
        await using var late = Start("connect", $"127.0.0.1:{port}", "--id", "pump-1", "--stay");
        Assert.That(await late.OutputAsync(2), Is.EqualTo(new[] { "kept", "last" }));
    }

    [Test]
    public async Task TLS_and_keys_let_in_who_has_them()
    {
        using var files = new TestFiles();
        using var authority = new Authority();
        using var certificate = authority.IssueServer();
        var ca = files.Write("ca.pem", authority.Certificate.ExportCertificatePem());
        var own = files.Write("server.pem", certificate.ExportCertificatePem());
        var ownKey = files.Write("server.key", certificate.GetECDsaPrivateKey() is { } ec ? ec.ExportPkcs8PrivateKeyPem() : certificate.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
        var keys = files.Write("keys", (await RunAsync("key", "new", "pump-1")).Output);
        var wrong = files.Write("wrong", (await RunAsync("key", "new", "pump-1")).Output);
        var (server, port) = await ServeAsync("--tls", "--cert", own, "--cert-key", ownKey, "--key-file", keys);
        await using var serving = server;
        await using var pump = Start("connect", $"127.0.0.1:{port}", "--id", "pump-1", "--tls", "--ca", ca, "--key-file", keys);
        await pump.WriteAsync("line\n");
        pump.EndInput();
        Assert.That(await pump.ExitAsync(), Is.Zero);
        Assert.That(await server.OutputAsync(1), Is.EqualTo(new[] { "pump-1\tline" }));
        await using var stranger = Start("connect", $"127.0.0.1:{port}", "--id", "pump-1", "--tls", "--ca", ca, "--key-file", wrong);
        await server.EventAsync("refused");
        await using var careful = Start("connect", $"127.0.0.1:{port}", "--id", "pump-1", "--tls", "--key-file", keys);
        await careful.EventAsync("ConnectFailed");
    }

    [Test]
    public async Task The_page_its_endpoint_its_events_and_the_commands_of_an_operator_work()
    {
        var (server, port) = await ServeAsync("--page", "0", "--expect", "pump/1");
        await using var serving = server;
        var url = (await server.EventAsync("page on "))["page on ".Length..].TrimEnd('/') + "/";
        await using var pump = Start("connect", $"127.0.0.1:{port}", "--id", "pump/1", "--stay");
        await server.EventAsync("pump/1 up");
        using var http = new HttpClient { BaseAddress = new(url) };

        Assert.That(await http.GetStringAsync(new Uri("", UriKind.Relative)), Does.Contain("<title>IotLink fleet</title>"));
        Assert.That(await http.GetStringAsync(new Uri("app.js", UriKind.Relative)), Does.Contain("import"));
        Assert.That(await http.GetStringAsync(new Uri("api/devices", UriKind.Relative)), Does.StartWith("""{"total":1,"devices":[{"id":"pump/1","state":"up","""));
        Assert.That(await http.GetStringAsync(new Uri("api/devices/pump%2F1", UriKind.Relative)), Does.StartWith("""{"id":"pump/1","state":"up","""));
        Assert.That(await http.GetStringAsync(new Uri("api/summary", UriKind.Relative)), Does.Contain("\"devices\":1"));
        Assert.That(await http.GetStringAsync(new Uri("health", UriKind.Relative)), Does.StartWith("{\"status\":\"healthy\""));
        Assert.That(await http.GetStringAsync(new Uri("metrics", UriKind.Relative)), Does.Match("(?m)^iotlink_link_count\\{[^}]*iotlink_link_state=\"up\"[^}]*\\} 1$"));
        var document = JsonElement.Parse(await http.GetStringAsync(new Uri("openapi/iotlink.json", UriKind.Relative)));
        Assert.That(document.GetProperty("paths").EnumerateObject().Select(path => path.Name), Does.Contain("/api/devices/{id}/lines"));
        Assert.That(document.GetProperty("components").GetProperty("schemas").EnumerateObject().Select(schema => schema.Name), Does.Contain("DeviceView"));
        foreach (var (path, event_) in ((string, string)[])[("api/events", "event: devices\ndata: [{\"id\":\"pump/1\""), ("api/page?limit=5", "event: summary\ndata: {\"fleet\":")])
        {
            using var listening = await http.GetAsync(new Uri(path, UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
            await using var stream = await listening.Content.ReadAsStreamAsync();
            var head = new byte[event_.Length];
            await stream.ReadExactlyAsync(head).AsTask().Within();
            Assert.That(Encoding.UTF8.GetString(head), Is.EqualTo(event_));
        }

        foreach (var (path, status) in ((string, HttpStatusCode)[])[("api/devices/nobody", HttpStatusCode.NotFound), ("api/devices?limit=0", HttpStatusCode.BadRequest), ("api/nothing", HttpStatusCode.NotFound)])
        {
            using var refused = await http.GetAsync(new Uri(path, UriKind.Relative));
            Assert.That((refused.StatusCode, refused.Content.Headers.ContentType?.MediaType), Is.EqualTo((status, "application/problem+json")), path);
            Assert.That(await refused.Content.ReadAsStringAsync(), Does.Contain("\"detail\":"));
        }

        Assert.That((await RunAsync("ls", "--url", url)).Output, Does.Contain("pump/1"));
        Assert.That((await RunAsync("ls", "--json", "--url", url)).Output, Does.StartWith("""{"id":"pump/1","state":"up","""));
        Assert.That((await RunAsync("show", "pump/1", "--url", url)).Output, Does.Contain("counters.received"));
        Assert.That((await RunAsync("send", "pump/1", "speed \"2\"", "--url", url)).Output, Is.EqualTo("accepted\n"));
        Assert.That(await pump.OutputAsync("speed"), Is.EqualTo("speed \"2\""));
        Assert.That((await RunAsync("ping", "pump/1", "--url", url)).Output, Does.Match("^[0-9.]+ ms\n$"));
        await using (var top = Start("top", "--url", url))
            await top.OutputAsync("pump/1  up");
        Assert.That((await RunAsync("kick", "pump/1", "--url", url)).Output, Is.EqualTo("disconnected\n"));
        Assert.That((await RunAsync("revoke", "pump/1", "--url", url)).Exit, Is.EqualTo(1));
        pump.Signal();
        Assert.That(await pump.ExitAsync(), Is.Zero);
        Assert.That((await RunAsync("forget", "pump/1", "--url", url)).Output, Is.EqualTo("forgotten\n"));
        server.Signal();
        Assert.That(await server.ExitAsync(), Is.Zero);
    }

    [Test]
    public async Task A_broker_and_a_webhook_get_lines_and_a_bench_counts_them()
    {
        await using var broker = await Mosquitto.StartAsync();
        await using var watcher = await Watcher.ConnectAsync(broker.EndPoint, "iotlink/#");
        var (joined, port) = await ServeAsync("--mqtt", $"mqtt://{broker.EndPoint}", "--mqtt-discovery");
        await using (joined)
        {
            await joined.EventAsync("messages for devices: connected");
            await using var pump = Start("connect", $"127.0.0.1:{port}", "--id", "pump-1", "--stay");
            await pump.WriteAsync("{\"celsius\":21.5}\n");
            await watcher.Seen.FirstAsync(message => message is { Topic: "iotlink/pump-1/up", Text: "{\"celsius\":21.5}" });
            await watcher.PublishAsync("iotlink/pump-1/down", "open");
            Assert.That(await pump.OutputAsync(1), Is.EqualTo(new[] { "open" }));
        }

        await using var receiver = await Receiver.StartAsync(FreePort.Get());
        var (posting, other) = await ServeAsync("--webhook", receiver.Url.ToString());
        await using var serving = posting;
        var bench = await RunAsync("bench", $"127.0.0.1:{other}", "--seconds", "1", "--devices", "2", "--json");
        Assert.That(bench.Exit, Is.Zero, bench.ToString());
        Assert.That(receiver.Posts, Is.Not.Empty);
    }

    [Test]
    public async Task A_Debian_package_of_it_has_the_command_and_the_service()
    {
        using var folder = new TemporaryFolder();
        var made = await MakePackageAsync(folder.ToString());
        Assert.That(made.Exit, Is.Zero, made.ToString());
        var package = made.Output.Trim();
        Assert.That(Path.GetFileName(package), Is.EqualTo($"iotlink_0.1.0_{(RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "amd64")}.deb"));
        Assert.That((await ShellAsync("dpkg-deb", "-f", package, "Depends")).Output, Does.Match(@"^libc6 \(>= 2\.[0-9]+\), libssl3"));
        var list = (await ShellAsync("dpkg-deb", "-c", package)).Output;
        Assert.That(list, Does.Match("-rwxr-xr-x root/root .* ./usr/lib/iotlink/iotlink\n").And.Contain("./usr/lib/systemd/system/iotlink.service\n").And.Contain("./usr/bin/iotlink -> ../lib/iotlink/iotlink\n"));
        Assert.That(list, Does.Not.Contain(".dbg").And.Not.Contain(".dll"));
        Assert.That(list.TrimEnd().Split('\n'), Has.All.Contains(" root/root "));
        Assert.That((await ShellAsync("dpkg-deb", "-x", package, folder["tree"])).Exit, Is.Zero);
        var installed = folder["tree"] + "/usr/bin/iotlink";
        Assert.That((await ShellAsync(installed, "--version")).Output, Does.StartWith("0.1.0"));
        Assert.That(await File.ReadAllTextAsync(folder["tree"] + "/usr/lib/systemd/system/iotlink.service"), Does.Contain("ExecStart=/usr/bin/iotlink serve").And.Not.Contain("/usr/local"));
        // It finds its database beside itself, though it is started through a link.
        await using var server = IotLinkProcess.StartOther(installed, "serve", "--port", "0", "--store", folder["fleet.db"]);
        await server.EventAsync("listening");
        // The same sources make the same package.
        var before = await File.ReadAllBytesAsync(package);
        await MakePackageAsync(folder.ToString());
        Assert.That(await File.ReadAllBytesAsync(package), Is.EqualTo(before));
    }

    private IotLinkProcess Start(params string[] arguments) => IotLinkProcess.StartOther(program, arguments);

    private Task<(IotLinkProcess Server, int Port)> ServeAsync(params string[] arguments) => IotLinkProcess.ListeningAsync(Start(["serve", "--port", "0", .. arguments]));

    private Task<Ended> RunAsync(params string[] arguments) => ShellAsync(program, arguments);

    private static Task<Ended> ShellAsync(string what, params string[] arguments) => Dotnet.RunAsync(what, Path.GetTempPath(), [], arguments);

    /// <summary>
    /// At the quickest level of compression: what is in the package, and that it is the same again, does not depend on
    /// the level.
    /// </summary>
    private Task<Ended> MakePackageAsync(string folder) => Dotnet.RunAsync(
        Path.Combine(Repository.Root, "packaging", "deb"), Path.GetTempPath(), new(StringComparer.Ordinal) { ["DPKG_DEB_COMPRESSOR_LEVEL"] = "0" }, Path.GetDirectoryName(program)!, folder);
}
