using System.Globalization;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Text;

namespace Rx.IotLink.Cli;

/// <summary>
/// What the service manager that has started this process wants to know (sd_notify of systemd): that it is ready, that
/// it still works, that it stops. Without such a manager nothing is said.
/// </summary>
/// <param name="output">Where it is said that the manager cannot be reached.</param>
/// <param name="scheduler">The clock.</param>
internal sealed class ServiceManager(Output output, IScheduler scheduler) : IDisposable
{
    private readonly SingleAssignmentDisposable watchdog = new();
    private readonly string? address = Environment.GetEnvironmentVariable("NOTIFY_SOCKET");
    private bool hasFailed;

    /// <summary>The server listens. From now on the watchdog gets a report twice in each of its intervals.</summary>
    public void Ready()
    {
        Tell("READY=1");
        // Only if it is meant for this process: a child inherits it.
        var isMeant = Environment.GetEnvironmentVariable("WATCHDOG_PID") is not { Length: > 0 } pid || pid == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        if (isMeant && long.TryParse(Environment.GetEnvironmentVariable("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds) && microseconds > 1)
            watchdog.Disposable = Observable.Interval(TimeSpan.FromMicroseconds(microseconds / 2), scheduler).Subscribe(_ => Tell("WATCHDOG=1"));
    }

    /// <summary>The server begins to stop.</summary>
    public void Stopping() => Tell("STOPPING=1");

    public void Dispose() => watchdog.Dispose();

    private void Tell(string state)
    {
        if (string.IsNullOrEmpty(address))
            return;
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            // An address that begins with @ is one without a file.
            var to = new UnixDomainSocketEndPoint(address[0] == '@' ? $"\0{address[1..]}" : address);
            // A manager that does not read must not hold anything up.
            socket.Blocking = false;
            socket.SendTo(Encoding.UTF8.GetBytes(state), to);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            if (!hasFailed)
                output.Warning($"the service manager cannot be told ({state}): {e.Message}");
            hasFailed = true;
        }
    }
}
