using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;

namespace QuickStart.Proxy;

/// <summary>
/// Carries bytes one way through one connection, with a single buffer: while it cannot pass them on it reads no more, so the sender is held
/// back by TCP itself and nothing is heaped up here.
/// </summary>
/// <param name="from">Read from.</param>
/// <param name="to">Written to.</param>
/// <param name="scheduler">Measures the pauses of a slow connection.</param>
/// <param name="carried">Called once, when the first bytes have passed.</param>
internal sealed class OneWay(Socket from, Socket to, IScheduler scheduler, Action carried)
{
    private readonly byte[] _buffer = new byte[4_096];
    private volatile TaskCompletionSource? _stalled;
    private volatile Slow? _slow;

    private volatile bool _hasCarried;
    private volatile bool _senderIsBroken;

    /// <summary>Whether any bytes have passed.</summary>
    public bool HasCarried => _hasCarried;

    /// <summary>The way back: what happens to the receiver becomes known to the sender by that way only.</summary>
    public OneWay Back { get; set; } = null!;

    public void Stall() => _stalled ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Slow(Slow slow) => _slow = slow;

    /// <summary>Ends a stall or slowness.</summary>
    public void Heal()
    {
        _slow = null;
        var stalled = _stalled;
        _stalled = null;
        stalled?.TrySetResult();
    }

    /// <summary>Carries bytes, and at last the end of the connection, until there is nothing more to carry.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (await ReadAsync(cancellationToken) is { } count)
            {
                await PassableAsync(cancellationToken);
                if (count == 0)
                {
                    End();
                    return;
                }

                if (!await SendAsync(count, cancellationToken))
                    return;
            }
        }
        catch (OperationCanceledException)
        {
            // The connection was killed: whoever did it sees to the sockets.
        }
    }

    /// <summary>What was read: a number of bytes, 0 if the sender has finished, null if its connection broke (which has been passed on).</summary>
    private async Task<int?> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await from.ReceiveAsync(_buffer, SocketFlags.None, cancellationToken);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            await PassableAsync(cancellationToken);
            Sockets.Reset(to);
            return null;
        }
    }

    private async Task<bool> SendAsync(int count, CancellationToken cancellationToken)
    {
        try
        {
            for (var sent = 0; sent < count;)
            {
                var slow = _slow;
                var slice = slow is null ? count - sent : Math.Min(slow.SliceBytes, count - sent);
                sent += await to.SendAsync(_buffer.AsMemory(sent, slice), SocketFlags.None, cancellationToken);
                TellFirst();
                if (slow is not null)
                    await Observable.Timer(slow.Pause, scheduler).ToTask(cancellationToken);
                await PassableAsync(cancellationToken);
            }

            return true;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            Back._senderIsBroken = true;
            await Back.PassableAsync(cancellationToken);
            Sockets.Reset(from);
            return false;
        }
    }

    /// <summary>Waits for the end of a stall, and of one that begins in the same moment.</summary>
    private async Task PassableAsync(CancellationToken cancellationToken)
    {
        while (_stalled is { } stalled)
            await stalled.Task.WaitAsync(cancellationToken);
    }

    private void TellFirst()
    {
        if (_hasCarried)
            return;
        _hasCarried = true;
        carried();
    }

    private void End()
    {
        // A system tells of a reset once: whoever writes to the broken socket first is told, and whoever reads from it finds a mere end.
        if (_senderIsBroken)
        {
            Sockets.Reset(to);
            return;
        }

        try
        {
            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It has ended already.
        }
    }
}
