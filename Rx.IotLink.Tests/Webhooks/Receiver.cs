using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Webhooks;

/// <summary>A request, as a receiver sees it.</summary>
internal sealed record Post(string Id, string Line, string Epoch, ulong Number, string Key, string? Authorization, string Path);

/// <summary>A real receiver: Kestrel. It answers as the test wants, and dies at once.</summary>
internal sealed class Receiver : IAsyncDisposable
{
    private readonly WebApplication app;

    private Receiver(WebApplication app, int port) => (this.app, Url) = (app, new Uri($"http://127.0.0.1:{port}/lines?secret=of-the-query"));

    public Uri Url { get; }

    /// <summary>All that was received, in order.</summary>
    public ConcurrentQueue<Post> Posts { get; } = new();

    /// <summary>What is done with a request. Default: 204.</summary>
    public Func<Post, HttpContext, Task> Answer { get; set; } = (_, context) =>
    {
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    };

    public static async Task<Receiver> StartAsync(int port)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.Zero);
        var built = builder.Build();
        var receiver = new Receiver(built, port);
        built.Run(receiver.ReceiveAsync);
        await built.StartAsync().Within();
        return receiver;
    }

    /// <summary>The lines of a device, each with the key that it came with.</summary>
    public Post[] Of(string id) => [.. Posts.Where(post => post.Id == id)];

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync(new CancellationToken(canceled: true)).ContinueWith(_ => { }, TaskScheduler.Default);
        await app.DisposeAsync();
    }

    private async Task ReceiveAsync(HttpContext context)
    {
        using var body = await JsonDocument.ParseAsync(context.Request.Body, default, context.RequestAborted);
        var json = body.RootElement;
        var post = new Post(
            json.GetProperty("id").GetString()!, json.GetProperty("line").GetString()!, json.GetProperty("epoch").GetString()!, json.GetProperty("number").GetUInt64(),
            context.Request.Headers["Idempotency-Key"].ToString(), context.Request.Headers.Authorization, context.Request.Path);
        if (context.Request is { Method: "POST", ContentType: "application/json" })
            Posts.Enqueue(post);
        await Answer(post, context);
    }
}
