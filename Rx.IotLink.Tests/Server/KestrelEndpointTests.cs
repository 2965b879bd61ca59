using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>
/// A server whose connections come from an endpoint of an ASP.NET Core application, beside its pages.
/// </summary>
public sealed class KestrelEndpointTests : ServerTest
{
    private ListenOptions? linkEndPoint;
    private ListenOptions? pageEndPoint;

    [Test]
    public async Task Links_and_pages_live_beside_each_other()
    {
        var (app, server) = await StartAsync(ServerOptions with { Listen = false });
        var client = StartClient(ClientOptions(linkEndPoint!.IPEndPoint!));
        var received = client.Lines.Record();
        var link = await server.WaitForAsync("1").Within();
        var receivedToo = link.Lines.Record();

        await Task.WhenAll(link.WriteAsync("down"), client.WriteAsync("up")).Within();

        Assert.That((received.Values.Single(), receivedToo.Values.Single()), Is.EqualTo(("down", "up")));
        Assert.That(await GetPageAsync(), Is.EqualTo("1 link"));
        Assert.That(() => server.EndPoint, Throws.InvalidOperationException);
        Assert.That(app.Urls, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task It_may_listen_by_itself_as_well()
    {
        var (_, server) = await StartAsync(ServerOptions);

        await JoinAsync(server, "by itself");
        var peer = Own(await RawPeer.ConnectAsync(linkEndPoint!.IPEndPoint!, "from Kestrel"));

        Assert.That(await peer.HearAsync(), Is.Empty);
        Assert.That(server.Counters.Links, Is.EqualTo(2));
    }

    [Test]
    public async Task Http_on_its_endpoint_is_refused_and_a_device_on_the_pages_harms_nothing()
    {
        var (_, server) = await StartAsync(ServerOptions with { Listen = false });
        var lost = Own(await RawPeer.ConnectAsync(pageEndPoint!.IPEndPoint!, "device"));
        using var http = new HttpClient();

        Assert.That(async () => await http.GetStringAsync(new Uri($"http://{linkEndPoint!.IPEndPoint}/")).Within(), Throws.InstanceOf<HttpRequestException>());

        Assert.That(server.Counters.Refused[Refusal.BadId], Is.Not.Zero);
        Assert.That(await lost.HearLineAsync(), Does.StartWith("HTTP/1.1 400"));
        Assert.That(await GetPageAsync(), Is.EqualTo("0 link"));
    }

    /// <summary>
    /// Kestrel waits for its connections to end: the links must be drained and closed before it does, or it resets them
    /// at the end of its patience.
    /// </summary>
    [Test]
    public async Task The_application_stops_with_lines_drained_and_links_closed_in_order()
    {
        var (app, server) = await StartAsync(ServerOptions with { Listen = false, DrainTimeout = Bound.Limit });
        var client = StartClient(ClientOptions(linkEndPoint!.IPEndPoint!));
        var received = client.Lines.Record();
        var idle = Own(await RawPeer.ConnectAsync(linkEndPoint!.IPEndPoint!, "idle"));
        var link = await server.WaitForAsync("1").Within();
        await server.WaitForAsync("idle").Within();
        var writes = Enumerable.Range(0, 50).Select(i => link.WriteAsync($"{i}")).ToList();

        await app.StopAsync().Within();

        await Task.WhenAll(writes).Within();
        Assert.That(received.Values, Has.Count.EqualTo(50));
        Assert.That(await idle.HearToEndAsync(), Is.Empty, "by FIN");
    }

    private async Task<(WebApplication App, IotLinkServer Server)> StartAsync(IotLinkServerOptions options)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.AddProvider(Log);
        builder.Services.AddRoutingCore();
        builder.Services.AddIotLinkServer(configure: given => options with { LoggerFactory = given.LoggerFactory });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, endpoint => pageEndPoint = endpoint);
            kestrel.Listen(IPAddress.Loopback, 0, endpoint =>
            {
                linkEndPoint = endpoint;
                endpoint.UseIotLink();
            });
        });
        var app = Own(builder.Build());
        app.MapGet("/", (IotLinkServer server) => $"{server.Counters.Links} link");
        await app.StartAsync().Within();
        return (app, app.Services.GetRequiredService<IotLinkServer>());
    }

    private async Task<string> GetPageAsync()
    {
        using var http = new HttpClient();
        return await http.GetStringAsync(new Uri($"http://{pageEndPoint!.IPEndPoint}/")).Within();
    }
}
