using System.Reactive.Concurrency;
using Rx.IotLink;
using Rx.IotLink.Testing;

namespace Soak;

/// <summary>
/// Watches that a device whose link was up tries again soon after the outage, however many outages it has had: only failed attempts make the pauses longer.
/// </summary>
internal sealed class RecoveryWatch(Setting setting, SimulatedNetwork network, Action<string> violation)
{
    /// <summary>Attempts are made on the clock, some ticks of 100 ns after they are due.</summary>
    private static readonly TimeSpan Telling = TimeSpan.FromMilliseconds(1);

    /// <summary>The first pause; in protocol 1 also the time that the server's end needs to notice the outage.</summary>
    private readonly TimeSpan longest = BackOff.Default.Initial + (setting.Protocol == 1 ? 1.25 * setting.Timeout : TimeSpan.Zero) + Telling;

    /// <summary>A device's link is down.</summary>
    /// <param name="device">The device.</param>
    /// <param name="clock">The clock of its process.</param>
    public void Down(SimulatedDevice device, IScheduler clock)
    {
        var attempts = device.Path.Attempts.Count;
        clock.Schedule(longest, () =>
        {
            if (device.Path.Attempts.Count == attempts && !network.IsClosed)
                violation($"{device.Name}: no attempt to connect within {longest} of an outage");
        });
    }
}
