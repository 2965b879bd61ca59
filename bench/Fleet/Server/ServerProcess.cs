using System.Diagnostics;
using System.Runtime;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Rx.IotLink.Bench.Fleet.Control;
using Rx.IotLink.Dashboard;
using Rx.IotLink.Server;
using Rx.IotLink.Sqlite;

namespace Rx.IotLink.Bench.Fleet.Server;

/// <summary>The process of a server.</summary>
internal static class ServerProcess
{
    /// <param name="bare">Whether it is the baseline.</param>
    /// <param name="tls">Whether it speaks TLS.</param>
    /// <param name="timeout">The timeout of all links.</param>
    /// <param name="file">Where links keep their memory, or null.</param>
    /// <param name="page">Whether it has the page for operators.</param>
    public static async Task<int> RunAsync(bool bare, bool tls, TimeSpan timeout, string? file, bool page)
    {
        await using var store = file is null ? null : SqliteSessionStore.Open(file);
        IServer server = bare ? await BareServer.StartAsync(tls).ConfigureAwait(false) : await LinkServer.StartAsync(timeout, tls, store).ConfigureAwait(false);
        await using var app = page && server is LinkServer links ? await StartPageAsync(links.Fleet).ConfigureAwait(false) : null;
        return await Worker.RunAsync(new Listening(server.Port, app is null ? null : new(app.Urls.Single())), request => Task.FromResult<object>(Answer(server, request))).ConfigureAwait(false);
    }

    private static async Task<WebApplication> StartPageAsync(IotLinkServer server)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(server);
        builder.Services.AddIotLinkDashboard();
        var app = builder.Build();
        app.UseRouting();
        app.MapIotLinkDashboard("");
        await app.StartAsync().ConfigureAwait(false);
        return app;
    }

    private static ServerSample Answer(IServer server, Request request)
    {
        switch (request.Do)
        {
            case "sample":
                return Sample(server, request.Collect);
            case "beat":
                server.Beat(request.PerSecond);
                return Sample(server, collect: false);
            default:
                throw Worker.Unknown(request);
        }
    }

    private static ServerSample Sample(IServer server, bool collect)
    {
        if (collect)
            Collect();
        using var self = Process.GetCurrentProcess();
        return server.Sample with
        {
            Heap = collect ? GC.GetTotalMemory(forceFullCollection: false) : 0,
            Resident = Machine.Resident,
            Cpu = self.TotalProcessorTime.TotalSeconds,
            At = Stopwatch.GetTimestamp(),
        };
    }

    // Aggressive gives freed memory back to the system, so that what is resident is what is held.
    private static void Collect()
    {
        for (var i = 0; i < 2; i++)
        {
            GCSettings.LargeObjectHeapCompactionMode = GCLargeObjectHeapCompactionMode.CompactOnce;
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }
    }
}
