using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Rx.IotLink.Server;

namespace Rx.IotLink.Dashboard;

/// <summary>Puts a control endpoint for a fleet into an ASP.NET Core application.</summary>
public static class IotLinkDashboard
{
    /// <summary>
    /// The longest body of a request, in bytes: the longest line that an option allows, with each character escaped.
    /// </summary>
    private const long MaxBodyBytes = 6 * 1_048_576 + 1_024;

    /// <summary>
    /// Maps the endpoint: a page for people at a path, and <c>api/devices</c>, <c>api/summary</c>,
    /// <c>api/events</c> and <c>health</c> below it. The server is the <see cref="IotLinkServer"/> of the
    /// application's services. docs/dashboard.md has the addresses.
    /// </summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="path">The path, such as <c>/iotlink</c>; empty for the root.</param>
    /// <param name="options">
    /// Who may use it, and its limits. Default: only this machine, without a token.
    /// </param>
    /// <returns>All of it, for further conventions.</returns>
    /// <exception cref="ArgumentException">An option is out of range; the message names it.</exception>
    public static IEndpointConventionBuilder MapIotLinkDashboard(
        this IEndpointRouteBuilder endpoints, [StringSyntax("Route")] string path = "/iotlink", IotLinkDashboardOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(path);
        options ??= new();
        options.Validate();
        var services = endpoints.ServiceProvider;
        var server = options.ServerKey is { } key ? services.GetRequiredKeyedService<IotLinkServer>(key) : services.GetRequiredService<IotLinkServer>();
        var (fleet, listeners, guard) = (new Fleet(server, options), new Listeners(options), new Guard(options));
        var all = endpoints.MapGroup(path);
        all.WithMetadata(new Guarded());
        var api = all.MapGroup("");
        api.AddEndpointFilterFactory((_, next) => context => AnswerAsync(context, guard, next));
        api.WithMetadata(new BodyLimit()).WithTags("iotlink");
        Read(api.MapGroup(""), fleet, new EventStream(server, options, listeners), options);
        Act(api.MapGroup(""), fleet, options);
        if (options.Page)
            Page(all.MapGroup(""), api.MapGroup(""), server, guard, listeners, options);
        return all;
    }

    /// <summary>The page: its files, and what it is sent.</summary>
    private static void Page(RouteGroupBuilder files, RouteGroupBuilder api, IotLinkServer server, Guard guard, Listeners listeners, IotLinkDashboardOptions options)
    {
        if (options.ReadPolicy is { } policy)
        {
            files.RequireAuthorization(policy);
            api.RequireAuthorization(policy);
        }

        PageFiles.Map(files, guard);
        var history = new FleetHistory(server, options.LastLines);
        history.Start();
        files.WithMetadata(history);
        var stream = new PageStream(server, history, options);
        api.MapGet("/api/page", async Task<IResult> (HttpContext context) =>
        {
            var (query, fault) = PageQuery.Of(context.Request.Query);
            if (query is null)
                return Problems.Of(StatusCodes.Status400BadRequest, fault!);
            await listeners.ServeAsync(context, (response, aborted) => stream.SendAsync(query, response, aborted)).ConfigureAwait(false);
            return Results.Empty;
        }).ExcludeFromDescription();
    }

    private static void Read(RouteGroupBuilder group, Fleet fleet, EventStream events, IotLinkDashboardOptions options)
    {
        if (options.ReadPolicy is { } policy)
            group.RequireAuthorization(policy);
        group.MapGet("/api/devices", (HttpContext context, string? state, string? q, string? offset, string? limit) => fleet.List(context))
            .WithSummary("The devices, by their ids; state, q (a part of the id), offset and limit choose some.").Produces<DevicesView>().ProducesProblem(400);
        group.MapGet("/api/devices/{id}", (HttpContext context, string id) => fleet.Show(context))
            .WithSummary("One device.").Produces<DeviceView>().ProducesProblem(404);
        group.MapGet("/api/summary", fleet.Summary).WithSummary("The fleet in numbers.").Produces<SummaryView>();
        group.MapGet("/api/events", async Task<IResult> (HttpContext context) =>
        {
            await events.RunAsync(context).ConfigureAwait(false);
            return Results.Empty;
        }).WithSummary("Server-sent events: devices, forgotten, summary.").Produces(200, contentType: "text/event-stream").ProducesProblem(503);
        group.MapGet("/health", fleet.Health).WithSummary("Whether every expected device is up.").Produces<HealthView>();
        group.MapFallback("/api/{**rest}", () => Problems.Of(StatusCodes.Status404NotFound, "There is no such address, or not with this method."));
    }

    private static void Act(RouteGroupBuilder group, Fleet fleet, IotLinkDashboardOptions options)
    {
        if ((options.ActPolicy ?? options.ReadPolicy) is { } policy)
            group.RequireAuthorization(policy);
        group.MapPost("/api/devices/{id}/lines", (HttpContext context, string id) => fleet.SendAsync(context))
            .WithSummary("Sends a line, exactly once unless bestEffort is set; 202: it still waits for the device.")
            // Of any type: the handler refuses what is no JSON with problem details, and routing would not.
            .Accepts<SendRequest>("application/json", "*/*").Produces<SendView>().Produces<SendView>(202).ProducesProblem(400).ProducesProblem(404);
        group.MapPost("/api/devices/{id}/ping", (HttpContext context, string id) => fleet.PingAsync(context))
            .WithSummary("Measures a round trip (protocol 2).").Produces<PingView>().ProducesProblem(404).ProducesProblem(409).ProducesProblem(501);
        group.MapPost("/api/devices/{id}/disconnect", (HttpContext context, string id) => fleet.Disconnect(context))
            .WithSummary("Ends the connection; the link stays.").Produces<DisconnectView>().ProducesProblem(404);
        group.MapDelete("/api/devices/{id}/keys", (HttpContext context, string id) => fleet.RevokeAsync(context))
            .WithSummary("Revokes the keys of the device, and ends its connection.").Produces<RevokeView>().ProducesProblem(400).ProducesProblem(501).ProducesProblem(503);
        group.MapDelete("/api/devices/{id}", (HttpContext context, string id) => fleet.ForgetAsync(context))
            .WithSummary("Forgets the device with all its memory.").Produces(204).ProducesProblem(404);
    }

    private static async ValueTask<object?> AnswerAsync(EndpointFilterInvocationContext context, Guard guard, EndpointFilterDelegate next)
    {
        var headers = context.HttpContext.Response.Headers;
        (headers.CacheControl, headers.XContentTypeOptions) = ("no-store", "nosniff");
        if (guard.Fault(context.HttpContext) is var (status, why))
            return Problems.Of(status, why);
        try
        {
            return await next(context).ConfigureAwait(false);
        }
        catch (Exception exception) when (Problems.Of(exception) is { } problem)
        {
            return problem;
        }
    }

    /// <summary>Marks what decides by itself who may use it.</summary>
    internal sealed class Guarded;

    private sealed class BodyLimit : IRequestSizeLimitMetadata
    {
        public long? MaxRequestBodySize => MaxBodyBytes;
    }
}
