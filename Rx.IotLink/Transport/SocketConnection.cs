using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;

namespace Rx.IotLink.Transport;

/// <summary>
/// A connection over a socket, at either end: nothing is held while nothing is unread or unsent. It ends with FIN, and
/// takes what still arrives until the peer has ended too: a socket that is closed over unread
/// bytes sends RST, which throws away what the peer has not read yet. RST is kept for a peer that does not even take
/// the rest within a while.
/// </summary>
internal sealed class SocketConnection : ILingeringConnection, IKnownConnection, IProxiedConnection
{
    /// <summary>
    /// How long a peer may take for its end, at most: what it does not take by then holds up the end of a process.
    /// </summary>
    public static readonly TimeSpan MaxPatience = TimeSpan.FromSeconds(5);

    /// <summary>
    /// A peer that has taken all, and from which nothing arrives for so long, is not waited for: it may be gone.
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
    /// <param name="scheduler">The clock of its patience.</param>
    /// <param name="timeout">The timeout of its link, which bounds its patience.</param>
    /// <param name="owner">Who counts it, until the socket is closed and nobody serves the connection any more
    /// (<see cref="Served"/>).</param>
    /// <exception cref="SocketException">The connection is gone already. The socket is still the caller's
    /// then.</exception>
    public SocketConnection(Socket socket, IScheduler scheduler, TimeSpan timeout, ISocketOwner? owner = null)
    {
        (this.socket, this.scheduler, this.owner) = (socket, scheduler, owner);
        patience = timeout < MaxPatience ? timeout : MaxPatience;
        socket.NoDelay = true;
        SendBound.Set(socket);
        // What can be received or sent at once is, with no operation begun for it.
        socket.Blocking = false;
        RemoteEndPoint = Plain(socket.RemoteEndPoint);
        reader = new(socket);
        writer = new(socket);
    }

    public PipeReader Input => reader;

    public PipeWriter Output => writer;

    /// <summary>
    /// Where the other end is; or the client's, where a load balancer has said whose connection it is.
    /// </summary>
    public EndPoint? RemoteEndPoint { get; private set; }

    public Task Closed
    {
        get
        {
            var made = Volatile.Read(ref closed) ?? Interlocked.CompareExchange(ref closed, new(TaskCreationOptions.RunContinuationsAsynchronously), null) ?? closed;
            // Closed meanwhile: whoever closed it may have looked before.
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

    /// <summary>Nobody serves it any more.</summary>
    public void Served() => OneOfTwoEnded();

    /// <summary>
    /// Sends the rest and FIN, and closes the socket when the peer has ended too, or patience has. A read that is under
    /// way fails at once.
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

    /// <summary>Where the other end of a socket is, if it is still known.</summary>
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
        // FIN was sent where all was taken; a peer that has not is reset, or the system would go on trying for minutes.
        if (IsSending)
            socket.Close(timeout: 0);
        else
            socket.Dispose();
    }

    private async Task HalfClosedAfterAsync(Task rest)
    {
        // It never fails, but what is sent may.
        await rest.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        HalfClosed();
    }

    /// <summary>All is sent, or the peer has ended; when both have happened, nothing can be lost any more.</summary>
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
