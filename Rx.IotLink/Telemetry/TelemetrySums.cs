namespace Rx.IotLink.Telemetry;

/// <summary>The sums of all sources at one moment: a row for each set of tags.</summary>
internal sealed class TelemetrySums
{
    public Dictionary<LinkTags, LinkTotals> Links { get; } = [];

    public Dictionary<string, ConnectionTotals> Servers { get; } = new(StringComparer.Ordinal);

    /// <summary>The names of refusals, which the servers know.</summary>
    public IReadOnlyList<string> Refusals { get; set; } = [];

    public LinkTotals Of(LinkTags tags)
    {
        if (!Links.TryGetValue(tags, out var totals))
            Links.Add(tags, totals = new());
        return totals;
    }

    public ConnectionTotals OfServer(string? name)
    {
        if (!Servers.TryGetValue(name ?? "", out var totals))
            Servers.Add(name ?? "", totals = new());
        return totals;
    }

    /// <summary>Adds what only grows. A device that has gone has no series of its own any more.</summary>
    public void AddCounts(TelemetrySums of)
    {
        foreach (var (tags, totals) in of.Links)
            Of(tags with { Device = null }).AddCounts(totals);
        foreach (var (name, totals) in of.Servers)
            OfServer(name).AddCounts(totals);
        if (of.Refusals.Count > 0)
            Refusals = of.Refusals;
    }
}

/// <summary>The tags of a row.</summary>
/// <param name="Role"><c>server</c> or <c>client</c>.</param>
/// <param name="Name">The name that the application gave, or null.</param>
/// <param name="Device">A device that has series of its own, or null.</param>
internal readonly record struct LinkTags(string Role, string? Name, string? Device = null)
{
    /// <summary>These tags and others.</summary>
    public KeyValuePair<string, object?>[] With(params ReadOnlySpan<KeyValuePair<string, object?>> others)
    {
        List<KeyValuePair<string, object?>> all = [new("iotlink.role", Role)];
        if (!string.IsNullOrEmpty(Name))
            all.Add(new("iotlink.name", Name));
        if (Device is not null)
            all.Add(new("iotlink.device.id", Device));
        all.AddRange(others);
        return [.. all];
    }
}
