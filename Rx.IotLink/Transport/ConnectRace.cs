using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;

namespace Rx.IotLink.Transport;

/// <summary>
/// Connects to the address of a name that answers first (Happy Eyeballs, RFC 8305). The next attempt begins when the
/// one before has failed, or has not succeeded for a while. So a dead address does not hide the others, of either
/// family.
/// </summary>
/// <param name="host">The name or address.</param>
/// <param name="port">The port.</param>
/// <param name="scheduler">The clock.</param>
/// <param name="limit">How long the caller waits in all: every address has its turn within this time.</param>
/// <param name="lookUp">Gives the addresses of a name; null: the system does.</param>
internal sealed class ConnectRace(string host, int port, IScheduler scheduler, TimeSpan limit, LookUp? lookUp = null)
{
    private const int MostFaultsTold = 4;

    /// <summary>What RFC 8305 recommends.</summary>
    private static readonly TimeSpan MostDelay = TimeSpan.FromMilliseconds(250);

    private readonly LookUp lookUp = lookUp ?? Dns.GetHostAddressesAsync;

    /// <summary>Looks the name up and connects. The caller owns the socket.</summary>
    /// <exception cref="IOException">No address answers, or there is none.</exception>
    public async Task<Socket> ConnectAsync(CancellationToken cancellationToken)
    {
        IPAddress[] addresses;
        try
        {
            addresses = await lookUp(host, cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException exception)
        {
            throw new IOException($"{host}:{port} cannot be reached: {exception.Message}", exception);
        }

        return await ConnectAsync(InTurn(addresses), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Connects to one of these addresses.</summary>
    internal async Task<Socket> ConnectAsync(IReadOnlyList<IPAddress> addresses, CancellationToken cancellationToken)
    {
        var share = limit / (addresses.Count + 1);
        var delay = share < MostDelay ? share : MostDelay;
        var faults = new List<Exception>();
        var underWay = new List<Task>();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            for (var next = 0; next < addresses.Count || underWay.Count > 0;)
            {
                if (next < addresses.Count)
                    underWay.Add(AttemptAsync(addresses[next++], over.Token));
                var first = await FirstOfAsync(underWay, next < addresses.Count ? delay : null).ConfigureAwait(false);
                if (first is null)
                    continue;
                underWay.Remove(first);
                if (first.IsCompletedSuccessfully)
                    return await first.ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
                faults.Add(first.Exception!.InnerException!);
            }
        }
        finally
        {
            await over.CancelAsync().ConfigureAwait(false);
            foreach (var late in underWay)
                _ = ReleaseAsync((Task<Socket>)late);
        }

        throw new IOException($"{host}:{port} cannot be reached: {Told(faults)}", faults.Count > 0 ? faults[0] : null);
    }

    /// <summary>
    /// The families take turns, so that a family that does not work costs one delay, and not one for each of its
    /// addresses. The system has sorted them by preference (RFC 6724).
    /// </summary>
    internal static IReadOnlyList<IPAddress> InTurn(IReadOnlyList<IPAddress> addresses)
    {
        var byFamily = addresses.GroupBy(a => a.AddressFamily).Select(family => family.Select((address, at) => (Address: address, At: at)));
        return [.. byFamily.SelectMany(family => family).OrderBy(a => a.At).Select(a => a.Address)];
    }

    private async Task<Socket> AttemptAsync(IPAddress address, CancellationToken cancellationToken)
    {
        Socket? socket = null;
        try
        {
            socket = new(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            using var connecting = new Connecting { RemoteEndPoint = new IPEndPoint(address, port) };
            await connecting.RunAsync(socket, cancellationToken).ConfigureAwait(false);
            return socket;
        }
        catch (SocketException exception)
        {
            socket?.Dispose();
            throw new IOException($"{address}: {exception.Message}", exception);
        }
        catch
        {
            socket?.Dispose();
            throw;
        }
    }

    /// <summary>The first attempt that has succeeded or failed; null if there is none after the delay.</summary>
    private async Task<Task<Socket>?> FirstOfAsync(List<Task> attempts, TimeSpan? delay)
    {
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task first;
        using (delay is { } wait ? scheduler.Schedule(wait, turn.SetResult) : Disposable.Empty)
            first = await Task.WhenAny([.. attempts, turn.Task]).ConfigureAwait(false);
        return first as Task<Socket>;
    }

    /// <summary>An attempt that comes too late is not needed: it may have succeeded at the same moment.</summary>
    private static async Task ReleaseAsync(Task<Socket> late)
    {
        await ((Task)late).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (late.IsCompletedSuccessfully)
            (await late.ConfigureAwait(false)).Dispose();
    }

    private static string Told(List<Exception> faults)
    {
        return faults.Count == 0 ? "the name has no address"
            : faults.Count == 1 ? faults[0].GetBaseException().Message
            : string.Join("; ", faults.Take(MostFaultsTold).Select(f => f.Message)) + (faults.Count > MostFaultsTold ? $"; and {faults.Count - MostFaultsTold} more" : "");
    }

    /// <summary>
    /// An attempt of the system. The socket would keep its own for ever, some hundred bytes for each client.
    /// </summary>
    private sealed class Connecting : SocketAsyncEventArgs
    {
        private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async Task RunAsync(Socket socket, CancellationToken cancellationToken)
        {
            if (socket.ConnectAsync(this))
            {
                // It closes the socket.
                using var cancelling = cancellationToken.UnsafeRegister(static attempt => Socket.CancelConnectAsync((Connecting)attempt!), this);
                await ended.Task.ConfigureAwait(false);
            }

            cancellationToken.ThrowIfCancellationRequested();
            if (SocketError != SocketError.Success)
                throw new SocketException((int)SocketError);
        }

        protected override void OnCompleted(SocketAsyncEventArgs e) => ended.SetResult();
    }

}

/// <summary>Gives the addresses of a name, the preferred one first.</summary>
internal delegate Task<IPAddress[]> LookUp(string host, CancellationToken cancellationToken);
