using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>A server as a part of a generic host.</summary>
public sealed class HostingTests : ServerTest
{
    private static readonly (string Key, string? Value)[] Good = [("Port", "0"), ("Bind", "127.0.0.1")];

    [Test]
    public async Task A_server_starts_and_stops_with_its_host_and_logs_there()
    {
        var host = Build(Good);
        await host.StartAsync().Within();
        var server = host.Services.GetRequiredService<IotLinkServer>();
        var peer = await JoinAsync(server);

        await host.StopAsync().Within();

        Assert.That(await peer.HearToEndAsync(), Is.Empty);
        // A thread of observers logs the events of links, perhaps after the end.
        foreach (var id in (int[])[1, 10, 20, 2])
            await Log.Entries.FirstAsync(e => e.Id == id);
    }

    [Test]
    public async Task A_service_that_was_added_after_the_server_can_say_goodbye_when_it_is_stopped()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddIotLinkServer(configure: _ => ServerOptions with { DrainTimeout = Bound.Limit });
        builder.Services.AddHostedService<Goodbye>();
        var host = Own(builder.Build());
        await host.StartAsync().Within();
        var client = StartClient(host.Services.GetRequiredService<IotLinkServer>());
        var received = client.Lines.Record();
        await client.WaitUntilUpAsync().Within();

        await host.StopAsync().Within();

        Assert.That(received.Values, Is.EqualTo(["goodbye"]));
    }

    [Test]
    public async Task Options_come_from_the_configuration()
    {
        IotLinkServerOptions? bound = null;
        var host = Build(
            [
                .. Good,
                ("Timeout", "00:00:00.5"),
                ("MaxLineBytes", "100"),
                ("InboxLines", "101"),
                ("OutboxLines", "102"),
                ("MaxWaitingWrites", "103"),
                ("DrainTimeout", "00:00:01.5"),
                ("WriterOverflow", "DropOldest"),
                ("Expected:0", "pump-1"),
                ("Expected:1", "pump-2"),
                ("UnknownIds", "refuse"),
                ("MaxUnknownIds", "104"),
                ("MaxIdBytes", "105"),
                ("IdPattern", "[a-z0-9-]+"),
                ("MaxConnections", "106"),
                ("MaxOpenings", "107"),
                ("OpeningTimeout", "00:00:02.5"),
                ("PinAddresses", "true"),
                ("Listen", "true"),
            ],
            options => bound = options);
        await host.StartAsync().Within();
        var server = host.Services.GetRequiredService<IotLinkServer>();

        Assert.That(server.EndPoint.Address, Is.EqualTo(IPAddress.Loopback));
        Assert.That(bound! with { Expected = [], LoggerFactory = Log, Telemetry = TelemetryOptions.Default }, Is.EqualTo(new IotLinkServerOptions
        {
            Port = 0,
            Bind = IPAddress.Loopback,
            Timeout = TimeSpan.FromSeconds(0.5),
            MaxLineBytes = 100,
            InboxLines = 101,
            OutboxLines = 102,
            MaxWaitingWrites = 103,
            DrainTimeout = TimeSpan.FromSeconds(1.5),
            WriterOverflow = OverflowPolicy.DropOldest,
            Expected = [],
            UnknownIds = UnknownIdPolicy.Refuse,
            MaxUnknownIds = 104,
            MaxIdBytes = 105,
            IdPattern = "[a-z0-9-]+",
            MaxConnections = 106,
            MaxOpenings = 107,
            OpeningTimeout = TimeSpan.FromSeconds(2.5),
            PinAddresses = true,
            LoggerFactory = Log,
        }));
        Assert.That(bound.Expected, Is.EqualTo(["pump-1", "pump-2"]));
        Assert.That(await (await ConnectAsync(server, "stranger")).HearToEndAsync(), Is.Empty, "refused");
        await JoinAsync(server, "pump-2");
    }

    [Test]
    public async Task Without_configuration_the_options_are_the_defaults_changed_by_code()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddIotLinkServer(configure: options => options with { Port = 0, Bind = IPAddress.IPv6Loopback });
        var host = Own(builder.Build());

        await host.StartAsync().Within();

        var server = host.Services.GetRequiredService<IotLinkServer>();
        Assert.That(server.EndPoint.Address, Is.EqualTo(IPAddress.IPv6Loopback));
    }

    [Test]
    public async Task Code_alone_is_the_only_argument_and_a_token_is_the_last()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddIotLinkServer(options => options with { Port = 0, Bind = IPAddress.Loopback, DrainTimeout = TimeSpan.Zero });
        builder.Services.AddKeyedIotLinkServer("other", options => options with { Port = 0, Bind = IPAddress.Loopback, DrainTimeout = TimeSpan.Zero });
        var host = Own(builder.Build());
        await host.StartAsync().Within();
        var server = host.Services.GetRequiredService<IotLinkServer>();
        Assert.That(host.Services.GetRequiredKeyedService<IotLinkServer>("other").EndPoint, Is.Not.EqualTo(server.EndPoint));
        var client = StartClient(server, "pump-1");
        var line = client.ReadLineAsync();
        using var token = new CancellationTokenSource();
        var link = await server.WaitForAsync("pump-1").Within();
        await link.WriteAsync("line", token.Token).Within();
        Assert.That(await line.Within(), Is.EqualTo("line"));
        await host.StopAsync().Within();
    }

    [TestCase("Timeout", "00:00:00")]
    [TestCase("Timeout", "soon")]
    [TestCase("Port", "65536")]
    [TestCase("Port", "http")]
    [TestCase("UnknownIds", "Maybe")]
    [TestCase("WriterOverflow", "17")]
    [TestCase("Expected:0", "two\nlines")]
    [TestCase("Bind", "localhost")]
    [TestCase("Bind", "300.0.0.1")]
    [TestCase("PinAddresses", "perhaps")]
    public async Task A_bad_value_fails_the_start_with_one_exception_that_names_the_option(string option, string value)
    {
        var host = Build([.. Good.Where(g => g.Key != option), (option, value)]);
        var name = option.Split(':')[0];

        var failure = await Assert.CatchAsync(async () => await host.StartAsync().Within());

        Assert.That(failure, Is.InstanceOf<ArgumentException>().Or.InstanceOf<InvalidOperationException>());
        Assert.That(failure!.Message, Does.Contain(name).And.Contain(value.Split('\n')[0]));
        Assert.That(Log.Entries.Values.Select(e => e.Id), Has.None.EqualTo(1), "nothing listens");
    }

    [Test]
    public async Task A_port_in_use_fails_the_start_of_the_host()
    {
        var first = await StartServerAsync();
        var host = Build([("Bind", "127.0.0.1"), ("Port", $"{first.EndPoint.Port}")]);

        Assert.That(async () => await host.StartAsync().Within(), Throws.InstanceOf<IOException>().With.Message.Contains($"{first.EndPoint}"));
    }

    [Test]
    public async Task Health_is_degraded_until_every_expected_device_is_up_and_names_the_missing()
    {
        var host = Build([.. Good, ("Expected:0", "pump-1"), ("Expected:1", "pump-2")]);
        await host.StartAsync().Within();
        var server = host.Services.GetRequiredService<IotLinkServer>();
        var health = host.Services.GetRequiredService<HealthCheckService>();
        async Task<(HealthStatus, string?)> CheckAsync()
        {
            var entry = (await health.CheckHealthAsync().Within()).Entries["iotlink"];
            Assert.That(entry.Data["links"], Is.EqualTo(server.Counters.Links));
            return (entry.Status, entry.Description);
        }

        Assert.That(await CheckAsync(), Is.EqualTo((HealthStatus.Degraded, "not up: pump-1, pump-2")));
        await JoinAsync(server, "pump-2");
        await JoinAsync(server, "stranger");
        Assert.That(await CheckAsync(), Is.EqualTo((HealthStatus.Degraded, "not up: pump-1")));
        var pump = await JoinAsync(server, "pump-1");
        Assert.That(await CheckAsync(), Is.EqualTo((HealthStatus.Healthy, "every expected device is up")));
        pump.Dispose();
        await server.Find("pump-1")!.State.FirstAsync(s => !s.IsUp);
        Assert.That(await CheckAsync(), Is.EqualTo((HealthStatus.Degraded, "not up: pump-1")));
    }

    [Test]
    public async Task Health_names_no_more_than_twenty_of_the_missing()
    {
        var host = Build([.. Good, .. Enumerable.Range(0, 25).Select(i => ($"Expected:{i}", (string?)$"d{i}"))]);
        await host.StartAsync().Within();

        var report = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync().Within();

        Assert.That(report.Entries["iotlink"].Description, Does.StartWith("not up: d0, d1").And.EndsWith("d19 and 5 more"));
    }

    private IHost Build((string Key, string? Value)[] configuration, Action<IotLinkServerOptions>? look = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(configuration.Select(c => KeyValuePair.Create($"IotLink:{c.Key}", c.Value)));
        builder.Logging.AddProvider(Log);
        builder.Services.AddIotLinkServer(builder.Configuration.GetSection("IotLink"), options =>
        {
            look?.Invoke(options);
            return options;
        });
        builder.Services.AddHealthChecks().AddIotLink();
        return Own(builder.Build());
    }

    [Test]
    public async Task Health_may_ask_for_a_share_of_the_expected_devices()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddIotLinkServer(configure: _ => ServerOptions with { Expected = ["1", "2", "3"] });
        builder.Services.AddHealthChecks().AddIotLink(minimumUp: 0.6);
        var host = Own(builder.Build());
        await host.StartAsync().Within();
        var server = host.Services.GetRequiredService<IotLinkServer>();
        var health = host.Services.GetRequiredService<HealthCheckService>();
        await JoinAsync(server);
        Assert.That((await health.CheckHealthAsync().Within()).Entries["iotlink"], Has.Property("Description").EqualTo("not up: 2, 3"));
        await JoinAsync(server, "2");

        var entry = (await health.CheckHealthAsync().Within()).Entries["iotlink"];

        Assert.That((entry.Status, entry.Description, entry.Data["missing"]), Is.EqualTo((HealthStatus.Healthy, "enough expected devices are up: 2 of 3", 1)));
        Assert.That(() => builder.Services.AddHealthChecks().AddIotLink(minimumUp: 1.1), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public async Task A_host_may_have_several_servers_each_by_its_key()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        TelemetryOptions? telemetry = null;
        builder.Services.AddKeyedIotLinkServer("north", configure: o =>
        {
            telemetry = o.Telemetry;
            return ServerOptions with { Expected = ["1"] };
        });
        builder.Services.AddKeyedIotLinkServer("south", configure: _ => ServerOptions);
        builder.Services.AddHealthChecks().AddIotLink("north", serverKey: "north").AddIotLink("south", serverKey: "south");
        var host = Own(builder.Build());
        await host.StartAsync().Within();
        var (north, south) = (host.Services.GetRequiredKeyedService<IotLinkServer>("north"), host.Services.GetRequiredKeyedService<IotLinkServer>("south"));
        await JoinAsync(south);

        Assert.That(north.Find("1"), Is.Null);
        Assert.That(south.Find("1"), Is.Not.Null);
        Assert.That(telemetry!.Name, Is.EqualTo("north"));
        var entries = (await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync().Within()).Entries;
        Assert.That((entries["north"].Status, entries["south"].Status), Is.EqualTo((HealthStatus.Degraded, HealthStatus.Healthy)));
        var peer = await JoinAsync(north);
        await host.StopAsync().Within();
        Assert.That(await peer.HearToEndAsync(), Is.Empty, "both stop with the host");
    }

    private sealed class Goodbye(IotLinkServer server) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken)
        {
            server.Find("1")!.Writer.OnNext("goodbye");
            return Task.CompletedTask;
        }
    }
}
