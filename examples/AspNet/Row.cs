using Rx.IotLink.Server;

namespace Examples.AspNet;

/// <summary>A device as a page shows it.</summary>
internal sealed record Row(string Id, bool IsUp, string State, DateTimeOffset Since, string? Address, int Protocol, long Received, long Accepted, int Waiting, long Outages, DateTimeOffset? LastLineAt)
{
    public static Row Of(DeviceConnection device) => new(
        device.Id,
        device.IsUp,
        device.IsUp ? "up" : device.State.Outage?.ToString() ?? "connecting",
        device.Since,
        device.RemoteEndPoint?.ToString(),
        device.Protocol,
        device.Counters.LinesReceived,
        device.Counters.LinesAcknowledged,
        device.Counters.Outbox,
        device.Counters.Outages,
        device.LastLineAt);
}

/// <summary>A line of a device as a page shows it.</summary>
internal sealed record Said(string Id, string Line);
