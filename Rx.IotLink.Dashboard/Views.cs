using System.Globalization;
using System.Text.Json.Serialization;
using Rx.IotLink.Server;

namespace Rx.IotLink.Dashboard;

/// <summary>A device, as JSON.</summary>
internal sealed record DeviceView(
    string Id, string State, DateTimeOffset Since, int Connections, OutageView? Outage, string? Address, int Protocol, DateTimeOffset? LastLineAt, CountersView Counters)
{
    public static DeviceView Of(DeviceConnection device) => new(
        device.Id,
        Words.Of(device.State.Status),
        device.Since,
        device.State.Connections,
        OutageView.Of(device.State),
        device.RemoteEndPoint?.ToString(),
        device.Protocol,
        device.LastLineAt,
        CountersView.Of(device.Counters));
}

/// <summary>Why a device is down.</summary>
internal sealed record OutageView(string Reason, string Detail)
{
    public static OutageView? Of(LinkState state) => state.Outage is { } outage ? new(Words.Of(outage.Reason), outage.Detail) : null;
}

/// <summary>The counts of a link that operators ask for.</summary>
internal sealed record CountersView(long Received, long Accepted, long BestEffortSent, long Repeated, long Duplicates, long Withheld, long Dropped, long Outages, int Inbox, int Outbox)
{
    public static CountersView Of(LinkCounters c) => new(
        c.LinesReceived, c.LinesAcknowledged, c.BestEffortSent, c.LinesRepeated, c.DuplicatesReceived, c.LinesWithheld,
        c.LinesDropped + c.LinesExpired + c.LinesReplaced, c.Outages, c.Inbox, c.Outbox);
}

/// <summary>A part of the fleet.</summary>
/// <param name="Total">How many devices match.</param>
/// <param name="Devices">Those of this page, by their ids.</param>
internal sealed record DevicesView(int Total, IReadOnlyList<DeviceView> Devices);

/// <summary>The fleet in numbers.</summary>
internal sealed record SummaryView(
    DateTimeOffset Time, int Devices, IReadOnlyDictionary<string, int> States, int Connections, int Openings, long ConnectionsAccepted,
    IReadOnlyDictionary<string, long> Refused, long Received, long Sent, int Inbox, int Outbox)
{
    public static SummaryView Of(IotLinkServer server, DateTimeOffset time) => Of(server, server.GetConnections(), time);

    public static SummaryView Of(IotLinkServer server, IReadOnlyList<DeviceConnection> devices, DateTimeOffset time)
    {
        var counters = server.Counters;
        return new(
            time,
            devices.Count,
            Enum.GetValues<LinkStatus>().ToDictionary(Words.Of, s => devices.Count(d => d.State.Status == s), StringComparer.Ordinal),
            counters.Connections,
            counters.Openings,
            counters.ConnectionsAccepted,
            counters.Refused.Where(r => r.Value > 0).ToDictionary(r => Words.Of(r.Key), r => r.Value, StringComparer.Ordinal),
            devices.Sum(d => d.Counters.LinesReceived),
            devices.Sum(d => d.Counters.LinesAcknowledged + d.Counters.BestEffortSent),
            devices.Sum(d => d.Counters.Inbox),
            devices.Sum(d => d.Counters.Outbox));
    }
}

/// <summary>A request to send a line.</summary>
/// <param name="Line">The text.</param>
/// <param name="BestEffort">Whether it may be lost. Default: exactly once.</param>
internal sealed record SendRequest(string? Line, bool BestEffort = false);

/// <summary>What became of a line: <c>accepted</c>, or <c>waiting</c> for its device.</summary>
internal sealed record SendView(string State);

/// <summary>A round trip.</summary>
internal sealed record PingView(double Milliseconds);

/// <summary>Whether there was a connection to end.</summary>
internal sealed record DisconnectView(bool WasConnected);

/// <summary>Whether there was a key to revoke.</summary>
internal sealed record RevokeView(bool HadKey);

/// <summary>Health: <c>healthy</c>, or <c>degraded</c> with reasons.</summary>
internal sealed record HealthView(string Status, string Detail)
{
    public static HealthView Of(IotLinkServer server) => Of(server.MissingIds.Count, server.FailingStores.Count);

    public static HealthView Of(int missing, int failing) => missing + failing == 0
        ? new("healthy", "every expected device is up")
        : new("degraded", string.Join(", ", Some(missing, "expected device is not up", "expected devices are not up").Concat(Some(failing, "session store fails", "session stores fail"))));

    private static IEnumerable<string> Some(int count, string one, string several) =>
        count == 0 ? [] : [string.Create(CultureInfo.InvariantCulture, $"{count} {(count == 1 ? one : several)}")];
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(DevicesView))]
[JsonSerializable(typeof(IReadOnlyList<DeviceView>))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
[JsonSerializable(typeof(SummaryView))]
[JsonSerializable(typeof(SendRequest))]
[JsonSerializable(typeof(SendView))]
[JsonSerializable(typeof(PingView))]
[JsonSerializable(typeof(DisconnectView))]
[JsonSerializable(typeof(RevokeView))]
[JsonSerializable(typeof(HealthView))]
[JsonSerializable(typeof(PageSummaryView))]
[JsonSerializable(typeof(FleetSeriesView))]
[JsonSerializable(typeof(PageRowView))]
[JsonSerializable(typeof(PageDeviceView))]
internal sealed partial class ViewsContext : JsonSerializerContext;

/// <summary>Names of enumerations as words of JSON: <c>closed_by_peer</c>.</summary>
internal static class Words
{
    public static string Of<T>(T value)
        where T : struct, Enum => Names<T>.All.TryGetValue(value, out var word) ? word : NameOf(value);

    /// <summary>What is wrong with a state that is asked for. Null: nothing, or none is asked for.</summary>
    public static string? FaultOfState(string state) => state.Length == 0 || Enum.GetValues<LinkStatus>().Any(s => Of(s) == state)
        ? null
        : $"state must be one of {string.Join(", ", Enum.GetValues<LinkStatus>().Select(Of))}.";

    private static string NameOf<T>(T value)
        where T : struct, Enum => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    // Made once: a word is wanted for each device.
    private static class Names<T>
        where T : struct, Enum
    {
        public static readonly Dictionary<T, string> All = Enum.GetValues<T>().Distinct().ToDictionary(value => value, NameOf);
    }
}
