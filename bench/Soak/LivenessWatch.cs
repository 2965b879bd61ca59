using System.Reactive.Linq;
using Rx.IotLink;
using Rx.IotLink.Testing;
using Rx.IotLink.Testing.Simulation;

namespace Soak;

/// <summary>
/// Watches one end of one link from outside: by when the last byte came out of the wire, and by that alone, it knows when an outage must be declared, and when not.
/// </summary>
internal sealed class LivenessWatch
{
    /// <summary>States are told on the clock, some ticks of 100 ns after they come about.</summary>
    private static readonly TimeSpan Telling = TimeSpan.FromTicks(10);

    private readonly SimulatedMachine machine;
    private readonly string name;
    private readonly TimeSpan timeout;
    private readonly Action<string> violation;
    private SimulatedConnection.End? heard;
    private SimulatedConnection.End? serving;
    private TimeSpan heardAt;
    private TimeSpan servingHeardAt;

    private LivenessWatch(SimulatedMachine machine, string id, TimeSpan timeout, Action<string> violation) =>
        (this.machine, name, this.timeout, this.violation) = (machine, $"{machine.Name} ({id})", timeout, violation);

    /// <summary>Watches a device's end.</summary>
    public static void Over(SimulatedDevice device, TimeSpan timeout, Action<string> violation)
    {
        var watch = new LivenessWatch(device, device.Name, timeout, violation);
        device.ConnectionMade += connection => watch.Made(connection.Client, () => device.Link);
    }

    /// <summary>Watches the server's end of a device's link.</summary>
    public static void Over(SimulatedServer server, string id, TimeSpan timeout, Action<string> violation)
    {
        var watch = new LivenessWatch(server, id, timeout, violation);
        server.ConnectionMade += (connection, of) =>
        {
            if (of == id)
                watch.Made(connection.Server, () => server.Process.Find(id));
        };
    }

    private ILink? Watched { get; set; }

    private TimeSpan Now => machine.Clock.Now - DateTimeOffset.MinValue;

    private void Made(SimulatedConnection.End end, Func<ILink?> link)
    {
        end.Incoming.Arrived += () => Heard(end, link());
    }

    private void Heard(SimulatedConnection.End end, ILink? link)
    {
        if (!machine.IsRunning)
            return;
        if (end == serving)
        {
            var silence = Now - servingHeardAt;
            if (silence > timeout + Telling)
                violation($"{name}: nothing came for {silence}, and no outage was declared after {timeout}");
            servingHeardAt = Now;
        }

        (heard, heardAt) = (end, Now);
        if (link is null || link == Watched)
            return;
        // A new process.
        (Watched, serving) = (link, null);
        link.State.Subscribe(state => Told(link, state));
    }

    private void Told(ILink link, LinkState state)
    {
        if (link != Watched || !machine.IsRunning)
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
                violation($"{name}: an outage was declared after a silence of {silence}, before {timeout}");
            else if (silence > timeout + Telling)
                violation($"{name}: an outage was declared after a silence of {silence}, {silence - timeout} late");
        }

        serving = null;
    }
}
