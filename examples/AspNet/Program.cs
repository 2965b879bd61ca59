using System.CommandLine;
using System.Net;
using Examples.AspNet;
using Examples.Common;
using Microsoft.AspNetCore.HostFiltering;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Rx.IotLink;
using Rx.IotLink.Server;

// A web application with the server of its devices beside its pages: what they say comes into every open page at once,
// and what a page says goes to a device, once.
var web = Choice.Whole("--web-port", "The port of the pages; 0 is any free one.", 8080, 0, 65_535);
var links = Choice.Whole("--port", "The port of the devices; 0 is any free one.", 8123, 0, 65_535);
var listen = Choice.OneOf("--listen", "Who may connect: programs of this machine, or all.", "local", "all");
var names = new Option<string[]>("--host") { Description = "A further name that browsers may reach the pages by; may be given more than once." };
var count = Choice.Whole("--devices", "How many devices run in this process; real ones may join them.", 2, 0, 26);

return await Stage.PlayAsync(args, "A web application that hosts the server beside its pages.", 0, async stage =>
{
    var address = stage.Get(listen) == "all" ? IPAddress.IPv6Any : IPAddress.Loopback;
    string[] ids = [.. Enumerable.Range(0, stage.Get(count)).Select(n => $"device-{(char)('a' + n)}")];
    ListenOptions? pages = null;
    ListenOptions? devices = null;

    var builder = WebApplication.CreateBuilder();
    builder.Logging.SetMinimumLevel(LogLevel.Warning);
    builder.Services.AddIotLinkServer(builder.Configuration.GetSection("IotLink"), options => options with { Listen = false, Expected = ids });
    builder.Services.AddHealthChecks().AddIotLink();
    builder.Services.Configure<HostFilteringOptions>(filter => filter.AllowedHosts = Hosts.Of(stage.Get(names)));
    builder.Services.AddSingleton<Bulletin>();
    builder.WebHost.ConfigureKestrel(kestrel =>
    {
        kestrel.Listen(address, stage.Get(web), endpoint => pages = endpoint);
        kestrel.Listen(address, stage.Get(links), endpoint => (devices = endpoint).UseIotLink());
    });

    await using var app = builder.Build();
    app.MapGet("/", () => TypedResults.Text(Page.Html, "text/html; charset=utf-8"));
    app.MapGet("/devices", (IotLinkServer server) => server.GetConnections().Select(Row.Of));
    app.MapGet("/events", Events.Open);
    app.MapPost("/devices/{id}/lines", Sending.SendAsync);
    app.MapHealthChecks("/health");
    app.Services.GetRequiredService<Bulletin>();
    await app.StartAsync();

    await using var running = new Parts();
    foreach (var id in ids)
        running.Add(new DeviceProgram(id, devices!.IPEndPoint!.Port, stage));
    var voice = new Voice(stage);
    voice.Say("pages", $"http://127.0.0.1:{pages!.IPEndPoint!.Port}/");
    voice.Say("devices", $"port {devices!.IPEndPoint!.Port}, for example: dotnet run --project Rx.IotLink.Cli -- connect 127.0.0.1:{devices.IPEndPoint.Port} --id pump-1");

    await stage.WaitAsync();
    await running.DisposeAsync();
    await app.StopAsync();
    return 0;
}, web, links, listen, names, count);
