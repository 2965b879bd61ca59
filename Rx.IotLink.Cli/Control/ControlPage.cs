using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;
using Rx.IotLink.Dashboard;
using Rx.IotLink.Server;

namespace Rx.IotLink.Cli;

/// <summary>
/// The control endpoint of <c>iotlink serve --page</c>: REST, events, health, and metrics for Prometheus.
/// </summary>
internal static class ControlPage
{
    /// <summary>Starts it. Null: it is not wanted, or its port cannot be had, which is said.</summary>
    public static async Task<WebApplication?> TryStartAsync(IotLinkServer server, IPEndPoint? at, string? token, Output output)
    {
        if (at is null)
            return null;
        var options = new IotLinkDashboardOptions { Token = token };
        var guard = new Guard(options);
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(at);
        });
        // Signals and the log are those of the command.
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        // Who still waits for an answer then gets none.
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(2));
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(server);
        builder.Services.AddIotLinkDashboard();
        builder.Services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter("Rx.IotLink").AddPrometheusExporter());
        var app = builder.Build();
        app.UseRouting();
        // The dashboard has its own guard; this is for all that is not of the dashboard.
        app.Use(async (context, next) =>
        {
            if (context.GetEndpoint()?.Metadata.GetMetadata<IotLinkDashboard.Guarded>() is null && guard.Fault(context) is var (status, why))
                await Problems.Of(status, why).ExecuteAsync(context).ConfigureAwait(false);
            else
                await next(context).ConfigureAwait(false);
        });
        app.MapIotLinkDashboard("", options);
        app.MapPrometheusScrapingEndpoint("/metrics");
        app.MapOpenApi();
        try
        {
            await app.StartAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (IOException exception)
        {
            await app.DisposeAsync().ConfigureAwait(false);
            output.Error($"--page {at}: {exception.Message}");
            return null;
        }

        output.Page(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        return app;
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
