using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;

namespace Rx.IotLink.Transport;

/// <summary>
/// A connection over a socket, at either end. It holds no memory while nothing is unread or unsent. It ends with FIN,
/// and reads bytes that still arrive until the peer has ended too: a socket that is closed with unread bytes sends RST,
/// and the peer then loses what it has not read yet. RST is only for a peer that does not take the rest within some
/// time.
/// </summary>
internal sealed class SocketConnection : ILingeringConnection, IKnownConnection, IProxiedConnection, ISocketBelow
{
    /// <summary>
    /// The most time that a peer may take for its end, since this delays the end of a process.
    /// </summary>
    public static readonly TimeSpan MaxPatience = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long to wait for a peer that has taken all bytes and sends nothing: it may be gone.
    /// </summary>
    private static readonly TimeSpan MaxQuiet = TimeSpan.FromSeconds(1);

    private readonly Socket socket;
    private readonly SocketReader reader;
    private readonly SocketWriter writer;
    private readonly IScheduler scheduler;
    private readonly TimeSpan patience;
    private readonly ISocketOwner? owner;
    private TaskCompletionSource? closed;
    private IDisposable? impatience;
    private int disposed;
    private int untilClosed = 2;
    private int untilEnded = 2;

    /// <summary>Owns the socket from now on.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="scheduler">The clock of its time limits.</param>
    /// <param name="timeout">The timeout of its link, which bounds its time limits.</param>
    /// <param name="owner">
    /// Counts it, until the socket is closed and the connection is no longer served (<see cref="Served"/>).
    /// </param>
    /// <exception cref="SocketException">
    /// The connection has ended already. Then the caller still owns the socket.
    /// </exception>
    public SocketConnection(Socket socket, IScheduler scheduler, TimeSpan timeout, ISocketOwner? owner = null)
    {
        (this.socket, this.scheduler, this.owner) = (socket, scheduler, owner);
        patience = timeout < MaxPatience ? timeout : MaxPatience;
        socket.NoDelay = true;
        SendBound.Set(socket);
        // Bytes that can be received or sent at once need no asynchronous operation.
        socket.Blocking = false;
        RemoteEndPoint = Plain(socket.RemoteEndPoint);
        reader = new(socket);
        writer = new(socket);
    }

    public bool HasSocketBelow => true;

    public PipeReader Input => reader;

    public PipeWriter Output => writer;

    /// <summary>
    /// The address of the other end; or of the client, if a load balancer has sent it.
    /// </summary>
    public EndPoint? RemoteEndPoint { get; private set; }

    public Task Closed
    {
        get
        {
            var made = Volatile.Read(ref closed) ?? Interlocked.CompareExchange(ref closed, new(TaskCreationOptions.RunContinuationsAsynchronously), null) ?? closed;
            // Closed meanwhile, perhaps before this value was visible.
            if (Volatile.Read(ref untilClosed) == 0)
                made.TrySetResult();
            return made.Task;
        }
    }

    private bool IsSending => writer.Unsent is { IsCompleted: false };

    public void IsKnown() => owner?.Known();

    public bool TryComeFor(EndPoint client)
    {
        if (owner?.TryCountFor(client) == false)
            return false;
        RemoteEndPoint = client;
        return true;
    }

    /// <summary>It is no longer served.</summary>
    public void Served() => OneOfTwoEnded();

    /// <summary>
    /// Sends the rest and FIN, and closes the socket when the peer has ended too, or after the time limit. A read in
    /// progress fails at once.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
            return;
        writer.Complete();
        reader.Drain(HalfClosed);
        if (IsSending)
            _ = HalfClosedAfterAsync(writer.Unsent!);
        else
            HalfClosed();
        if (Volatile.Read(ref untilClosed) != 0)
            WaitFor(patience);
    }

    /// <summary>Closes the socket now. The peer is reset if it has not taken all yet.</summary>
    public void Abort()
    {
        Dispose();
        CloseSocket();
    }

    /// <summary>An IPv4 address that came in on an IPv6 socket is still an IPv4 address to a person.</summary>
    internal static EndPoint? Plain(EndPoint? remote) => remote is IPEndPoint { Address.IsIPv4MappedToIPv6: true } ip
        ? new IPEndPoint(ip.Address.MapToIPv4(), ip.Port)
        : remote;

    /// <summary>The address of the other end of a socket, if it is still known.</summary>
    internal static EndPoint? PlainRemote(Socket socket)
    {
        try
        {
            return Plain(socket.RemoteEndPoint);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            return null;
        }
    }

    private void WaitFor(TimeSpan left)
    {
        var quiet = left < MaxQuiet ? left : MaxQuiet;
        var sending = IsSending;
        var waiting = scheduler.Schedule(quiet, () => Waited(left - quiet, sending));
        Interlocked.Exchange(ref impatience, waiting);
        if (Volatile.Read(ref untilClosed) == 0)
            waiting.Dispose();
    }

    private void Waited(TimeSpan left, bool wasSending)
    {
        if ((reader.TakeThrewAway() || wasSending) && left > TimeSpan.Zero)
            WaitFor(left);
        else
            CloseSocket();
    }

    private void CloseSocket()
    {
        // If all bytes were taken, FIN was sent. Otherwise the peer is reset; the system would keep trying for minutes.
        if (IsSending)
            socket.Close(timeout: 0);
        else
            socket.Dispose();
    }

    private async Task HalfClosedAfterAsync(Task rest)
    {
        // It never fails, but a send may.
        await rest.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        HalfClosed();
    }

    /// <summary>All is sent, or the peer has ended; when both have happened, nothing can be lost.</summary>
    private void HalfClosed()
    {
        if (Interlocked.Decrement(ref untilClosed) != 0)
            return;
        socket.Dispose();
        reader.Dispose();
        Volatile.Read(ref impatience)?.Dispose();
        Volatile.Read(ref closed)?.TrySetResult();
        OneOfTwoEnded();
    }

    private void OneOfTwoEnded()
    {
        if (Interlocked.Decrement(ref untilEnded) == 0)
            owner?.Ended();
    }
}
