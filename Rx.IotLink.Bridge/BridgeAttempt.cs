using System.IO.Pipelines;
using System.Net;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Rx.IotLink.Nano.Bridge;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Bridge;

/// <summary>
/// One connection that the client wants: first an attempt, which can be given up, then its bytes. One place decides
/// whether the connection was handed over, failed or was given up.
/// </summary>
internal sealed class BridgeAttempt(IObserver<IConnection> observer, Wire wire, HostMachine host, byte number, string where, IScheduler scheduler) : IDisposable
{
    private int decided;
    private BridgeConnection? connection;

    /// <summary>The machine may have changed.</summary>
    public void Changed()
    {
        if (Volatile.Read(ref connection) is { } open)
        {
            open.Changed();
            return;
        }

        ConnectionState state;
        string why;
        int opening;
        lock (wire.Gate)
        {
            opening = host.Opening;
            (state, why) = host.Connection == number ? (host.State, host.Reason) : (ConnectionState.Over, "another connection was opened");
        }

        if (state == ConnectionState.Open && Decide())
        {
            var made = new BridgeConnection(wire, host, number, opening, scheduler);
            Volatile.Write(ref connection, made);
            made.Start();
            made.Changed();
            // Not here: this is a thread of the wire, and an observer may hold it.
            _ = Task.Run(() =>
            {
                observer.OnNext(made);
                observer.OnCompleted();
            });
        }
        else if (state == ConnectionState.Over)
        {
            Fail(new IOException($"{where} was not reached through the bridge: {why}"));
        }
    }

    /// <summary>It is in vain, or over.</summary>
    public void Fail(Exception exception)
    {
        Volatile.Read(ref connection)?.Changed();
        if (!Decide())
            return;
        Close();
        _ = Task.Run(() => observer.OnError(exception));
    }

    /// <summary>Gives the attempt up. A connection that was handed over is its owner's.</summary>
    public void Dispose()
    {
        if (Decide())
            Close();
    }

    private bool Decide() => Interlocked.Exchange(ref decided, 1) == 0;

    private void Close()
    {
        lock (wire.Gate)
            host.Close(number, wire.Now);
        wire.Poke();
    }
}

/// <summary>A connection through the bridge.</summary>
internal sealed class BridgeConnection : IConnection
{
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(2);

    // What waits here is beyond the credit of the wire, so it is little.
    private static readonly PipeOptions Bounds = new(pauseWriterThreshold: 4_096, resumeWriterThreshold: 2_048, useSynchronizationContext: false);

    private readonly Wire wire;
    private readonly HostMachine host;
    private readonly byte number;
    private readonly IScheduler scheduler;
    private readonly Pipe incoming = new(Bounds);
    private readonly Pipe outgoing = new(Bounds);
    private readonly WatchedWriter output;
    private readonly CancellationTokenSource over = new();
    private readonly Pump pump;
    private Task sending = Task.CompletedTask;
    private int disposed;

    public BridgeConnection(Wire wire, HostMachine host, byte number, int opening, IScheduler scheduler)
    {
        (this.wire, this.host, this.number, this.scheduler) = (wire, host, number, scheduler);
        output = new(outgoing.Writer);
        pump = new(wire, host, opening, outgoing.Reader, incoming.Writer);
    }

    public PipeReader Input => incoming.Reader;

    public PipeWriter Output => output;

    public EndPoint? RemoteEndPoint => null;

    public void Changed() => pump.Changed();

    public void Start()
    {
        _ = ReceiveAsync();
        sending = SendAsync();
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
            return;
        _ = CloseAsync();
    }

    private async Task ReceiveAsync()
    {
        try
        {
            await pump.ReceiveAsync(over.Token).ConfigureAwait(false);
            await incoming.Writer.CompleteAsync().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            await incoming.Writer.CompleteAsync(exception as IOException ?? new IOException("the connection was closed", exception)).ConfigureAwait(false);
        }
    }

    private async Task SendAsync()
    {
        try
        {
            await pump.SendAsync(over.Token).ConfigureAwait(false);
            await outgoing.Reader.CompleteAsync().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            await outgoing.Reader.CompleteAsync(exception as IOException ?? new IOException("the connection was closed", exception)).ConfigureAwait(false);
        }
    }

    /// <summary>What was written before an orderly end still goes out, for a while.</summary>
    private async Task CloseAsync()
    {
        if (output.IsCompleted)
            await Task.WhenAny(sending, Observable.Timer(LastWords, scheduler).ToTask()).ConfigureAwait(false);
        lock (wire.Gate)
            host.Close(number, wire.Now);
        wire.Poke();
        await over.CancelAsync().ConfigureAwait(false);
    }

    /// <summary>A writer that knows whether its owner has ended it in order.</summary>
    private sealed class WatchedWriter(PipeWriter writer) : PipeWriter
    {
        public bool IsCompleted { get; private set; }

        public override bool CanGetUnflushedBytes => writer.CanGetUnflushedBytes;

        public override long UnflushedBytes => writer.UnflushedBytes;

        public override void Advance(int bytes) => writer.Advance(bytes);

        public override Memory<byte> GetMemory(int sizeHint = 0) => writer.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => writer.GetSpan(sizeHint);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => writer.FlushAsync(cancellationToken);

        public override void CancelPendingFlush() => writer.CancelPendingFlush();

        public override void Complete(Exception? exception = null)
        {
            IsCompleted = exception is null;
            writer.Complete(exception);
        }
    }
}
