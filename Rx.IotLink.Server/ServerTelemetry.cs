using Rx.IotLink.Telemetry;

namespace Rx.IotLink.Server;

/// <summary>A server in the metrics: its links, and its connections.</summary>
internal sealed class ServerTelemetry : TelemetrySource
{
    private static readonly string[] Refusals = Words.Of<Refusal>();

    private readonly DeviceRegistry registry;
    private readonly Admission admission;

    public ServerTelemetry(DeviceRegistry registry, Admission admission)
    {
        (this.registry, this.admission) = (registry, admission);
        registry.Telemetry.Hub.Add(this);
    }

    public static string WordOf(Refusal refusal) => Refusals[(int)refusal];

    /// <summary>The server has stopped; its counts stay.</summary>
    public void End() => registry.Telemetry.Hub.Remove(this);

    public override void AddTo(TelemetrySums sums)
    {
        registry.AddTo(sums);
        var counters = admission.Counters;
        var all = sums.OfServer(registry.Telemetry.Name);
        sums.Refusals = Refusals;
        var now = new ConnectionTotals
        {
            Refused = [.. Enum.GetValues<Refusal>().Select(r => counters.Refused[r])],
            Accepted = counters.ConnectionsAccepted,
            Silent = counters.SilentConnections,
            CallbackFailures = counters.CallbackFailures,
            LinksSlowed = counters.LinksSlowed,
            UnknownIdsForgotten = counters.UnknownIdsForgotten,
            Opening = counters.Openings,
            Served = Math.Max(0, counters.Connections - counters.Openings),
            BufferedBytes = counters.BufferedBytes,
        };
        all.AddCounts(now);
        all.AddPresent(now);
    }
}
