using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Rx.IotLink.Dashboard;

/// <summary>What a page shows: some of the devices in an order, a part of those, and one of them in full.</summary>
/// <param name="State">Only devices in this state; empty: all.</param>
/// <param name="Search">Only those with this text in the id or in the reason of their outage.</param>
/// <param name="Sort">By what they are sorted.</param>
/// <param name="Descending">Whether the greatest comes first.</param>
/// <param name="Offset">How many are passed over.</param>
/// <param name="Limit">How many are shown.</param>
/// <param name="Device">The one that is shown in full; empty: none.</param>
internal sealed record PageQuery(string State, string Search, string Sort, bool Descending, int Offset, int Limit, string Device)
{
    public const int MaxLimit = 200;

    private static readonly string[] Sorts = ["id", "state", "since", "received", "sent", "outbox"];

    /// <summary>Reads it; or says what is wrong.</summary>
    public static (PageQuery? Query, string? Fault) Of(IQueryCollection given)
    {
        string Text(string name) => given[name].ToString();
        var (state, sort, order) = (Text("state"), Text("sort"), Text("order"));
        if (Words.FaultOfState(state) is { } fault)
            return (null, fault);
        if (sort.Length > 0 && !Sorts.Contains(sort, StringComparer.Ordinal))
            return (null, $"sort must be one of {string.Join(", ", Sorts)}.");
        if (order is not ("" or "asc" or "desc"))
            return (null, "order must be asc or desc.");
        if (Number(Text("offset"), 0, int.MaxValue, 0) is not { } offset)
            return (null, "offset must be a whole number from 0.");
        if (Number(Text("limit"), 1, MaxLimit, 50) is not { } limit)
            return (null, $"limit must be a whole number from 1 to {MaxLimit}.");
        return (new(state, Text("q"), sort.Length == 0 ? "id" : sort, order == "desc", offset, limit, Text("device")), null);
    }

    /// <summary>A number in its range, or the standard one if there is none; null: it is wrong.</summary>
    public static int? Number(string? text, int least, int most, int standard) =>
        string.IsNullOrEmpty(text) ? standard
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most ? number
        : null;
}
