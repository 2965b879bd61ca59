using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using NUnit.Framework;
using Rx.IotLink.Dashboard;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Dashboard;

/// <summary>A test with a real application that has the control endpoint, asked over real HTTP.</summary>
public abstract class DashboardTest : ServerTest
{
    private protected const string Token = "sixteen-characters-and-more";

    private protected HttpClient Http { get; private set; } = null!;

    private protected IotLinkServer Server { get; private set; } = null!;

    private protected WebApplication App { get; private set; } = null!;

    private protected Uri Address { get; private set; } = null!;

    private protected async Task StartAsync(
        IotLinkDashboardOptions? options = null, Action<WebApplicationBuilder>? build = null, Action<WebApplication>? use = null, IotLinkServerOptions? serverOptions = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration["urls"] = "http://127.0.0.1:0";
        builder.Services.AddIotLinkServer(configure: _ => serverOptions ?? ServerOptions);
        builder.Services.AddIotLinkDashboard();
        build?.Invoke(builder);
        var app = Own(builder.Build());
        use?.Invoke(app);
        app.MapIotLinkDashboard("/iotlink", options);
        app.MapOpenApi();
        App = app;
        await app.StartAsync().Within();
        Server = app.Services.GetRequiredService<IotLinkServer>();
        Address = new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single() + "/iotlink/");
        Http = Own(new HttpClient { BaseAddress = Address, Timeout = Bound.Limit });
    }

    private protected async Task<JsonElement> GetAsync(string path)
    {
        using var response = await Http.GetAsync(new Uri(path, UriKind.Relative));
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    /// <summary>An answer: its status, and the body if it has one.</summary>
    private protected async Task<(int Status, JsonElement Body)> AskAsync(HttpMethod method, string path, object? body = null, Action<HttpRequestMessage>? change = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        if (body is not null)
            request.Content = body as HttpContent ?? JsonContent.Create(body);
        change?.Invoke(request);
        using var response = await Http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        if ((int)response.StatusCode >= 400)
            Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/problem+json"), $"{method} {path}: {(int)response.StatusCode} {text}");
        return ((int)response.StatusCode, text.Length == 0 ? default : JsonElement.Parse(text));
    }
}
