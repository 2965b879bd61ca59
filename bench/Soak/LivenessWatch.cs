using System.Reactive.Linq;
using Rx.IotLink;
using Rx.IotLink.Testing;
using Rx.IotLink.Testing.Simulation;

namespace Soak;

/// <summary>
/// Watches one end of one link from outside: by when the last byte came out of the wire, and by that alone, it knows
/// when an outage must be declared, and when not.
/// </summary>
internal sealed class LivenessWatch
{
    /// <summary>States are reported on the clock, some ticks of 100 ns after they begin.</summary>
    private static readonly TimeSpan Telling = TimeSpan.FromTicks(10);

    private readonly string id;
    private readonly TimeSpan timeout;
    private readonly Action<string> violation;
    private SimulatedMachine? machine;
    private ILink? watched;
    private SimulatedConnection.End? heard;
    private SimulatedConnection.End? serving;
    private TimeSpan heardAt;
    private TimeSpan servingHeardAt;

    public LivenessWatch(string id, TimeSpan timeout, Action<string> violation) => (this.id, this.timeout, this.violation) = (id, timeout, violation);

    private TimeSpan Now => machine!.Clock.Now - DateTimeOffset.MinValue;

    private string Name => $"{machine!.Name} ({id})";

    /// <summary>Watches a device's end.</summary>
    public void Over(SimulatedDevice device)
    {
        machine = device;
        device.ConnectionMade += connection => Watch(connection.Client);
    }

    /// <summary>Watches the server's end of the device's link.</summary>
    public void Over(SimulatedServer server)
    {
        machine = server;
        server.ConnectionMade += (connection, of) =>
        {
            if (of == id)
                Watch(connection.Server);
        };
    }

    /// <summary>
    /// A process has its link: from its first state on, so that no state comes too late for the bytes that led to it.
    /// </summary>
    public void Follow(ILink link)
    {
        (watched, serving) = (link, null);
        link.State.Subscribe(state => Told(link, state));
    }

    private void Watch(SimulatedConnection.End end) => end.Incoming.Arrived += () => Heard(end);

    private void Heard(SimulatedConnection.End end)
    {
        if (machine is not { IsRunning: true })
            return;
        var now = Now;
        if (end == serving)
        {
            var silence = now - servingHeardAt;
            if (silence > timeout + Telling)
                violation($"{Name}: nothing came for {silence}, and no outage was declared after {timeout}");
            servingHeardAt = now;
        }

        (heard, heardAt) = (end, now);
    }

    private void Told(ILink link, LinkState state)
    {
        if (link != watched || machine is not { IsRunning: true })
            return;
        if (state.IsUp)
        {
            (serving, servingHeardAt) = (heard, heardAt);
            return;
        }

        if (serving is not null && state.Outage?.Reason == OutageReason.Silence)
        {
            var silence = Now - servingHeardAt;
            if (silence < timeout)
                violation($"{Name}: an outage was declared after a silence of {silence}, before {timeout}");
            else if (silence > timeout + Telling)
                violation($"{Name}: an outage was declared after a silence of {silence}, {silence - timeout} late");
        }

        serving = null;
    }
}
