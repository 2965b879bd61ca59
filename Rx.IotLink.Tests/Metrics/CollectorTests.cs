using System.Diagnostics.Metrics;
using System.Diagnostics.Tracing;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Diagnostics.NETCore.Client;
using Microsoft.Diagnostics.Tracing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using NUnit.Framework;
using OpenTelemetry.Metrics;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Metrics;

/// <summary>The collectors that people use get the metrics: what dotnet-counters does, and Prometheus.</summary>
public sealed class CollectorTests : ServerTest
{
    private const int TimeSeriesValues = 0x2;

    [Test]
    public async Task An_EventPipe_session_as_that_of_dotnet_counters_gets_them()
    {
        var name = $"pipe-{Guid.NewGuid():N}";
        var server = await StartServerAsync(ServerOptions with { Telemetry = new() { Name = name } });
        await JoinAsync(server);
        var provider = new EventPipeProvider("System.Diagnostics.Metrics", EventLevel.Informational, TimeSeriesValues, new Dictionary<string, string>
        {
            ["SessionId"] = name,
            ["Metrics"] = "Rx.IotLink",
            ["RefreshInterval"] = "1",
            ["MaxTimeSeries"] = "10000",
            ["MaxHistograms"] = "100",
            ["ClientId"] = name,
        });
        using var session = await new DiagnosticsClient(Environment.ProcessId).StartEventPipeSessionAsync([provider], requestRundown: false, circularBufferMB: 16, CancellationToken.None).Within();
        var up = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var reading = Task.Run(() =>
        {
            using var events = new EventPipeEventSource(session.EventStream);
            events.Dynamic.All += e =>
            {
                var values = e.PayloadNames.Select(n => $"{e.PayloadByName(n)}").ToList();
                if (values.Contains("iotlink.link.count") && values.Any(v => v.Contains($"iotlink.link.state=up", StringComparison.Ordinal) && v.Contains(name, StringComparison.Ordinal)))
                    up.TrySetResult(string.Join("|", values));
            };
            events.Process();
        });

        var told = await up.Task.WaitAsync(Bound.Limit);

        Assert.That(told.Split('|'), Has.Some.EqualTo("1"));
        await session.StopAsync(CancellationToken.None).Within();
        await reading.Within();
    }

    [Test]
    public async Task The_Prometheus_exporter_of_OpenTelemetry_shows_them_on_a_page_of_the_host()
    {
        // Tests beside this one have meters of the same name.
        var name = $"page-{Guid.NewGuid():N}";
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration["urls"] = "http://127.0.0.1:0";
        builder.Services.AddIotLinkServer(configure: o => o with { Port = 0, Bind = IPAddress.Loopback, Timeout = Long, DrainTimeout = TimeSpan.Zero, Telemetry = o.Telemetry with { Name = name } });
        builder.Services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter("Rx.IotLink").AddPrometheusExporter());
        var app = builder.Build();
        Own(app);
        app.MapPrometheusScrapingEndpoint();
        await app.StartAsync().Within();
        using (await JoinAsync(app.Services.GetRequiredService<IotLinkServer>()))
        {
            // It goes at once.
        }

        await app.Services.GetRequiredService<IotLinkServer>().Changes.Record().FirstAsync(c => c.Kind == LinkChangeKind.Down);
        using var http = new HttpClient();
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

        var page = await http.GetStringAsync(new Uri($"{address}/metrics"));

        var ours = page.Split('\n').Where(line => line.Contains(name, StringComparison.Ordinal)).ToList();
        Assert.That(ours, Has.One.Match("^iotlink_link_outages_total\\{.*iotlink_outage_reason=\"closed_by_peer\".*\\} 1$"));
        Assert.That(ours, Has.One.Match("^iotlink_server_connections_total\\{.*\\} 1$"));
        Assert.That(ours, Has.One.Match("^iotlink_link_count\\{.*iotlink_link_state=\"down\".*\\} 1$"));
        Assert.That(ours, Has.One.Match("^iotlink_server_opening_duration_seconds_bucket\\{.*le=\"0.0025\"\\} "));
        await app.StopAsync().Within();
    }

    [Test]
    public async Task A_server_in_a_host_has_the_meter_of_its_host_and_its_section_of_the_configuration()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection([new("Port", "0"), new("Bind", "127.0.0.1"), new("Telemetry:Name", "fleet"), new("Telemetry:MaxDevices", "7")]);
        IotLinkServerOptions? read = null;
        builder.Services.AddIotLinkServer(builder.Configuration, o => read = o);
        var host = Own(builder.Build());
        await host.StartAsync().Within();

        Assert.That(read!.Telemetry, Is.EqualTo(new TelemetryOptions { Name = "fleet", MaxDevices = 7, MeterFactory = host.Services.GetRequiredService<IMeterFactory>() }));
        Assert.That(TelemetryOptions.Default, Is.EqualTo(new TelemetryOptions()), "the shared default is as it was");
        await host.StopAsync().Within();
    }

    [TestCase(-1)]
    [TestCase(10_001)]
    public void A_number_of_devices_out_of_range_is_named(int devices) => Assert.That(
        async () => await IotLinkServer.StartAsync(ServerOptions with { Telemetry = new() { MaxDevices = devices } }),
        Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Telemetry.MaxDevices must be 0 to 10000"));
}
