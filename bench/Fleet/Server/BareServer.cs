using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Reactive.Linq;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Rx.IotLink.Bench.Fleet.Control;

namespace Rx.IotLink.Bench.Fleet.Server;

/// <summary>
/// The limit that ours is measured beside: the same Kestrel, whose handler accepts, reads lines and counts them. Its
/// keepalives are the cheapest there can be: one loop that writes a byte to the next connections.
/// </summary>
internal sealed class BareServer : IServer
{
    private static readonly TimeSpan BeatEvery = TimeSpan.FromMilliseconds(20);

    private readonly ConcurrentQueue<ConnectionContext> round = new();
    private long connections;
    private long accepted;
    private long lines;
    private IDisposable? beating;

    public int Port { get; private set; }

    public ServerSample Sample => new()
    {
        Connections = (int)Interlocked.Read(ref connections),
        Accepted = Interlocked.Read(ref accepted),
        Lines = Interlocked.Read(ref lines),
    };

    public static async Task<BareServer> StartAsync(bool tls)
    {
        var bare = new BareServer();
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore();
        builder.Services.AddLogging();
        var settings = new KestrelServerOptions { ApplicationServices = builder.Services.BuildServiceProvider() };
        ListenOptions? listening = null;
        settings.Listen(IPAddress.Loopback, 0, listen =>
        {
            listening = listen;
            if (tls)
                listen.UseHttps(Certificate.Make());
            listen.Run(bare.ServeAsync);
        });
        var sockets = new SocketTransportFactory(Options.Create(new SocketTransportOptions { NoDelay = true, Backlog = 4_096 }), NullLoggerFactory.Instance);
        await new KestrelServer(Options.Create(settings), sockets, NullLoggerFactory.Instance).StartAsync(new NoHttp(), CancellationToken.None).ConfigureAwait(false);
        bare.Port = listening!.IPEndPoint!.Port;
        return bare;
    }

    public void Beat(double perSecond)
    {
        beating?.Dispose();
        if (perSecond <= 0)
            return;
        var due = 0.0;
        beating = Observable.Interval(BeatEvery).Subscribe(_ => due = BeatNext(due + (perSecond * BeatEvery.TotalSeconds)));
    }

    private double BeatNext(double due)
    {
        for (; due >= 1 && round.TryDequeue(out var next); due--)
        {
            if (next.ConnectionClosed.IsCancellationRequested)
                continue;
            next.Transport.Output.Write("\n"u8);
            _ = next.Transport.Output.FlushAsync().AsTask();
            round.Enqueue(next);
        }

        return due;
    }

    private async Task ServeAsync(ConnectionContext connection)
    {
        Interlocked.Increment(ref accepted);
        Interlocked.Increment(ref connections);
        round.Enqueue(connection);
        try
        {
            await ReadAsync(connection.Transport.Input).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // Reset by the peer, as in a storm.
        }

        Interlocked.Decrement(ref connections);
    }

    private async Task ReadAsync(PipeReader input)
    {
        while (true)
        {
            var result = await input.ReadAsync().ConfigureAwait(false);
            var bytes = result.Buffer;
            while (bytes.PositionOf((byte)'\n') is { } end)
            {
                if (bytes.Slice(0, end).Length > 0)
                    Interlocked.Increment(ref lines);
                bytes = bytes.Slice(bytes.GetPosition(1, end));
            }

            input.AdvanceTo(bytes.Start, bytes.End);
            if (result.IsCompleted)
                return;
        }
    }

    private sealed class NoHttp : IHttpApplication<object>
    {
        public object CreateContext(IFeatureCollection contextFeatures) => throw new NotSupportedException();

        public void DisposeContext(object context, Exception? exception) => throw new NotSupportedException();

        public Task ProcessRequestAsync(object context) => throw new NotSupportedException();
    }
}
