using System.Reactive.Concurrency;
using Rx.IotLink;
using Rx.IotLink.Testing;

namespace Soak;

/// <summary>
/// Watches that a device whose link was up for a timeout tries again soon after the outage, however many outages it has
/// had: only failed attempts, and links that did not last, make the pauses longer.
/// </summary>
internal sealed class RecoveryWatch(Setting setting, SimulatedNetwork network, Action<string> violation)
{
    /// <summary>Attempts are made on the clock, some ticks of 100 ns after they are due.</summary>
    private static readonly TimeSpan Telling = TimeSpan.FromMilliseconds(1);

    /// <summary>
    /// The first pause; in protocol 1 also the time that the server's end needs to notice the outage.
    /// </summary>
    private readonly TimeSpan longest = BackOff.Default.Initial + (setting.Protocol == 1 ? 1.25 * setting.Timeout : TimeSpan.Zero) + Telling;

    /// <summary>A device's link is down.</summary>
    /// <param name="device">The device.</param>
    /// <param name="wasUp">How long it was up.</param>
    /// <param name="clock">The clock of its process.</param>
    /// <param name="isExcused">Whether it cannot keep that it connects, so that it waits.</param>
    public void Down(SimulatedDevice device, TimeSpan wasUp, IScheduler clock, Func<bool> isExcused)
    {
        // A tick of the device's clock more or less decides nothing.
        if (wasUp < setting.Timeout + Telling)
            return;
        var attempts = device.Path.Attempts.Count;
        clock.Schedule(longest, () =>
        {
            if (device.Path.Attempts.Count == attempts && !network.IsClosed && !isExcused())
                violation($"{device.Name}: no attempt to connect within {longest} of an outage");
        });
    }
}
