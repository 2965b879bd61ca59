using System.Globalization;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Rx.IotLink.Server;

namespace Rx.IotLink.Dashboard;

/// <summary>The answers to requests about the fleet.</summary>
internal sealed class Fleet(IotLinkServer server, IotLinkDashboardOptions options)
{
    private const int MostAtOnce = 1_000;

    /// <summary>A part of the devices: by state, and by a part of their ids.</summary>
    public IResult List(HttpContext context)
    {
        var query = context.Request.Query;
        var (state, search) = (query["state"].ToString(), query["q"].ToString());
        if (Words.FaultOfState(state) is { } fault)
            return Problems.Of(StatusCodes.Status400BadRequest, fault);
        if (PageQuery.Number(query["offset"], 0, int.MaxValue, 0) is not { } offset)
            return Problems.Of(StatusCodes.Status400BadRequest, "offset must be a whole number from 0.");
        if (PageQuery.Number(query["limit"], 1, MostAtOnce, 100) is not { } limit)
            return Problems.Of(StatusCodes.Status400BadRequest, $"limit must be a whole number from 1 to {MostAtOnce}.");
        var found = server.GetConnections()
            .Where(d => (state.Length == 0 || Words.Of(d.State.Status) == state) && d.Id.Contains(search, StringComparison.OrdinalIgnoreCase))
            .OrderBy(d => d.Id, StringComparer.Ordinal).ToList();
        return Results.Json(new DevicesView(found.Count, [.. found.Skip(offset).Take(limit).Select(DeviceView.Of)]), ViewsContext.Default.DevicesView);
    }

    public IResult Show(HttpContext context)
    {
        var id = IdOf(context, behind: 0);
        return server.GetConnection(id) is { } device
            ? Results.Json(DeviceView.Of(device), ViewsContext.Default.DeviceView)
            : throw Unknown(id);
    }

    public async Task<IResult> SendAsync(HttpContext context)
    {
        var id = IdOf(context, behind: 1);
        if (!context.Request.HasJsonContentType())
            return Problems.Of(StatusCodes.Status415UnsupportedMediaType, "The body must be JSON (Content-Type: application/json).");
        var asked = await JsonSerializer.DeserializeAsync(context.Request.Body, ViewsContext.Default.SendRequest, context.RequestAborted).ConfigureAwait(false);
        if (asked?.Line is not { } line)
            throw new JsonException();
        // The line stays when the request is aborted: its sender cannot know how far it went.
        var sending = server.SendAsync(id, line, new() { Delivery = asked.BestEffort ? Delivery.BestEffort : Delivery.ExactlyOnce }, CancellationToken.None);
        var isAccepted = await sending.ToObservable().Select(_ => true)
            .Merge(Observable.Timer(options.AcceptedWithin, DefaultScheduler.Instance).Select(_ => false))
            .FirstAsync().ToTask(context.RequestAborted).ConfigureAwait(false);
        return isAccepted
            ? Results.Json(new SendView("accepted"), ViewsContext.Default.SendView)
            : Results.Json(new SendView("waiting"), ViewsContext.Default.SendView, statusCode: StatusCodes.Status202Accepted);
    }

    public async Task<IResult> PingAsync(HttpContext context)
    {
        var time = await server.PingAsync(IdOf(context, behind: 1), context.RequestAborted).ConfigureAwait(false);
        return Results.Json(new PingView(Math.Round(time.TotalMilliseconds, 3)), ViewsContext.Default.PingView);
    }

    public IResult Disconnect(HttpContext context) =>
        Results.Json(new DisconnectView(server.Disconnect(IdOf(context, behind: 1))), ViewsContext.Default.DisconnectView);

    public async Task<IResult> ForgetAsync(HttpContext context)
    {
        await server.ForgetAsync(IdOf(context, behind: 0), context.RequestAborted).ConfigureAwait(false);
        return Results.NoContent();
    }

    public async Task<IResult> RevokeAsync(HttpContext context) => Results.Json(
        new RevokeView(await server.RevokeAsync(IdOf(context, behind: 1), context.RequestAborted).ConfigureAwait(false)), ViewsContext.Default.RevokeView);

    public IResult Summary() => Results.Json(SummaryView.Of(server, DefaultScheduler.Instance.Now), ViewsContext.Default.SummaryView);

    /// <summary>Whether all expected devices are up, and all session stores work.</summary>
    public IResult Health() => Results.Json(HealthView.Of(server), ViewsContext.Default.HealthView);

    /// <summary>
    /// The id in the path as it was sent: Kestrel leaves <c>%2F</c> as it is, so an id with a slash, or with a percent
    /// sign, would be another one.
    /// </summary>
    private static string IdOf(HttpContext context, int behind)
    {
        var target = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        var path = target.Split('?', 2)[0].TrimEnd('/').Split('/');
        return path.Length > behind ? Uri.UnescapeDataString(path[^(behind + 1)]) : "";
    }

    private static UnknownDeviceException Unknown(string id) => new(id, "it has not connected since this server started");
}
