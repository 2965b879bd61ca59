using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Rx.IotLink.Dashboard;

/// <summary>Those that listen to events: only so many at a time, of all streams together.</summary>
internal sealed class Listeners(IotLinkDashboardOptions options)
{
    private int listeners;

    /// <summary>Serves one, until it leaves or the server stops.</summary>
    public async Task ServeAsync(HttpContext context, Func<HttpResponse, CancellationToken, Task> send)
    {
        if (Interlocked.Increment(ref listeners) > options.MaxListeners)
        {
            Interlocked.Decrement(ref listeners);
            await Problems.Of(StatusCodes.Status503ServiceUnavailable, $"{options.MaxListeners} listen to events already.").ExecuteAsync(context).ConfigureAwait(false);
            return;
        }

        try
        {
            // Otherwise the host would wait for the listeners when it stops.
            var stopping = context.RequestServices.GetService<IHostApplicationLifetime>()?.ApplicationStopping ?? CancellationToken.None;
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
            context.Response.ContentType = "text/event-stream";
            context.Response.Headers.CacheControl = "no-store";
            await send(context.Response, ended.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
        {
            // The listener has left, or the server stops.
        }
        finally
        {
            Interlocked.Decrement(ref listeners);
        }
    }

    /// <summary>Writes one event.</summary>
    public static Task WriteAsync<T>(HttpResponse response, string name, T value, JsonTypeInfo<T> type, CancellationToken aborted) =>
        WriteAsync(response, name, JsonSerializer.Serialize(value, type), aborted);

    /// <summary>Writes one event. JSON has no line feeds, so it is one line of data.</summary>
    public static Task WriteAsync(HttpResponse response, string name, string json, CancellationToken aborted) =>
        response.WriteAsync($"event: {name}\ndata: {json}\n\n", aborted);
}
