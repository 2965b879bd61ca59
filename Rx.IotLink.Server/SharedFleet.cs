using System.Text;

namespace Rx.IotLink.Server;

/// <summary>A fleet that several servers share, as that of one of them.</summary>
/// <param name="Fleet">The fleet.</param>
/// <param name="Node">The name of this server among them.</param>
internal sealed record SharedFleet(IFleet Fleet, string Node)
{
    /// <summary>Each handler has a connection of its own.</summary>
    private const int MostConcurrent = 8;

    /// <summary>Runs a handler for each line that falls to this server.</summary>
    /// <param name="consumer">The name under which servers share the lines.</param>
    /// <param name="handler">
    /// What it does is not undone, so a line has a transaction of its own: one that fails has no other one repeated.
    /// </param>
    /// <param name="options">Times.</param>
    public FleetConsumer Process(string consumer, Func<ReceivedLine, CancellationToken, Task> handler, FleetConsumerOptions options) => Fleet.Process(
        consumer,
        (line, _, cancelled) => handler(new(line.DeviceId, line.Line, Encoding.UTF8.GetBytes(line.Text)), cancelled),
        options with { BatchLines = 1, MaxConcurrent = MostConcurrent });
}
