using System.IO.Pipelines;
using System.Net;
using Microsoft.Reactive.Testing;
using Rx.IotLink.Server;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Operators;

/// <summary>
/// A real client and a real server on one virtual clock, joined by pipes instead of a network. Nothing takes time on the way, and everything runs on the thread
/// that advances the clock, so that each run is the same.
/// </summary>
internal sealed class LinkPair : ITransport, IDisposable
{
    private const string Id = "device-1";
    private readonly IotLinkServer server;
    private readonly List<PipeConnection> connections = [];
    private readonly SynchronizationContext? outside = SynchronizationContext.Current;
    private bool reachable = true;

    public LinkPair(TestScheduler scheduler, int maxLineBytes = 4_000)
    {
        // With NUnit's context on this thread, what awaits a task would go on elsewhere while the clock runs ahead of it.
        SynchronizationContext.SetSynchronizationContext(null);
        Scheduler = scheduler;
        server = new(new() { Listen = false, Scheduler = scheduler, DrainTimeout = TimeSpan.Zero, MaxLineBytes = maxLineBytes, Expected = [Id] });
        Device = IotLinkClient.Start(new()
        {
            Host = "unused",
            Id = Id,
            Transport = this,
            Scheduler = scheduler,
            DrainTimeout = TimeSpan.Zero,
            MaxLineBytes = maxLineBytes,
            BackOff = new() { Initial = TimeSpan.FromSeconds(1), Factor = 1, Jitter = 0 },
            Seed = 1,
        });
        Advance(TimeSpan.FromSeconds(1));
        Server = server.Find(Id) ?? throw new InvalidOperationException("The client has not connected.");
    }

    public TestScheduler Scheduler { get; }

    public IotLinkClient Device { get; }

    public ILink Server { get; }

    public void Advance(TimeSpan time) => Scheduler.AdvanceBy(time.Ticks);

    /// <summary>Breaks the connection, and lets none be made until <see cref="ComeUp"/>.</summary>
    public void GoDown()
    {
        reachable = false;
        foreach (var connection in connections)
            connection.Break();
        connections.Clear();
    }

    /// <summary>Connections can be made again; the client will, when its pause is over.</summary>
    public void ComeUp() => reachable = true;

    public void CloseServer() => ((Link)Server).Close();

    // With no drain timeout both close at once.
    public void Dispose()
    {
        _ = Device.CloseAsync();
        CloseServer();
        SynchronizationContext.SetSynchronizationContext(outside);
    }

    Task<IConnection> ITransport.ConnectAsync(CancellationToken cancellationToken)
    {
        if (!reachable)
            return Task.FromException<IConnection>(new IOException("unreachable, as the test says"));
        var (up, down) = (NewPipe(), NewPipe());
        var (client, served) = (new PipeConnection(down, up), new PipeConnection(up, down));
        connections.AddRange([client, served]);
        _ = server.Reception.ReceiveAsync(served);
        return Task.FromResult<IConnection>(client);
    }

    // Inline: no other thread ever has a part in a run.
    private static Pipe NewPipe() => new(new(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, useSynchronizationContext: false));

    private sealed class PipeConnection(Pipe incoming, Pipe outgoing) : IConnection
    {
        public PipeReader Input => incoming.Reader;

        public PipeWriter Output => outgoing.Writer;

        public EndPoint? RemoteEndPoint => null;

        public void Break() => incoming.Writer.Complete(new IOException("broken, as the test says"));

        public void Dispose()
        {
            outgoing.Writer.Complete();
            incoming.Writer.Complete(new IOException("disposed"));
        }
    }
}
