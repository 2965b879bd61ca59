using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;

namespace Rx.IotLink.Testing.Tcp;

/// <summary>The ways to end a TCP connection.</summary>
internal static class Ending
{
    /// <summary>Closes with RST: the peer's next read or write fails.</summary>
    public static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It has ended already.
        }

        socket.Dispose();
    }

    /// <summary>
    /// Closes with FIN. Bytes that the peer has sent must be read before the close, or the system makes an RST of it; a
    /// peer that continues for longer than <paramref name="patience"/> gets the RST.
    /// </summary>
    public static async Task FinishAsync(Socket socket, TimeSpan patience, IScheduler scheduler)
    {
        using var closing = socket;
        // Not disposed: the timer may already use it when it is stopped.
        var enough = new CancellationTokenSource();
        using var timer = Observable.Timer(patience, scheduler).Subscribe(_ => enough.Cancel());
        try
        {
            socket.Shutdown(SocketShutdown.Send);
            var discarded = new byte[1_024];
            while (await socket.ReceiveAsync(discarded, SocketFlags.None, enough.Token).ConfigureAwait(false) > 0)
            {
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // It has ended already, or its time is over.
        }
    }
}
