using System.Diagnostics.Metrics;
using System.Text.Json;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Rx.IotLink.Telemetry;
using Rx.IotLink.Tests.House;

namespace Rx.IotLink.Tests.Metrics;

/// <summary>docs/telemetry.md and the dashboard name the metrics that there are.</summary>
public sealed partial class TelemetryPageTests
{
    [Test]
    public void The_table_has_each_metric_with_its_kind_and_unit_and_no_other()
    {
        var rows =
            from line in Repository.Read("docs", "telemetry.md").Split('\n')
            where line.StartsWith("| `iotlink.", StringComparison.Ordinal)
            let cells = line.Split('|', StringSplitOptions.TrimEntries)
            select (cells[1].Trim('`'), cells[2], cells[3].Trim('`'), cells[5]);

        Assert.That(rows, Is.EqualTo(Instruments().Select(i => (i.Name, KindOf(i), i.Unit, i.Description)).OrderBy(i => i.Name, StringComparer.Ordinal)));
    }

    [Test]
    public void The_names_and_units_are_those_of_OpenTelemetry() => Assert.That(
        Instruments(),
        Is.All.Matches<Instrument>(i => Name().IsMatch(i!.Name) && Unit().IsMatch(i.Unit!) && i.Description!.EndsWith('.')));

    [Test]
    public void Each_query_of_the_dashboard_names_metrics_that_Prometheus_gets()
    {
        var there = Instruments().SelectMany(PrometheusNames).ToHashSet(StringComparer.Ordinal);
        using var dashboard = JsonDocument.Parse(Repository.Read("docs", "grafana-dashboard.json"));
        var queries = dashboard.RootElement.GetProperty("panels").EnumerateArray()
            .SelectMany(panel => panel.GetProperty("targets").EnumerateArray()).Select(target => target.GetProperty("expr").GetString()!).ToList();
        var labels = TagsInTheTable().Select(tag => tag.Replace('.', '_')).Append("iotlink_role").ToHashSet(StringComparer.Ordinal);

        Assert.That(queries, Has.Count.GreaterThan(10));
        foreach (var query in queries)
        {
            var named = Words().Matches(query).Select(m => m.Value).ToList();
            Assert.That(named.Where(n => !labels.Contains(n)), Is.Not.Empty.And.All.Matches<string>(n => there.Contains(n!)), query);
        }
    }

    private static IEnumerable<string> TagsInTheTable() =>
        from line in Repository.Read("docs", "telemetry.md").Split('\n')
        where line.StartsWith("| `iotlink.", StringComparison.Ordinal)
        from tag in line.Split('|')[4].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
        select tag.Trim('`');

    private static List<Instrument> Instruments()
    {
        using var at = new MetricReader(listens: false);
        var found = new List<Instrument>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, _) =>
        {
            if (instrument.Meter.Scope == at)
                found.Add(instrument);
        };
        listener.Start();
        Assert.That(TelemetryHub.Of(at.Options).Instruments, Is.Not.Null);
        return found;
    }

    private static string KindOf(Instrument instrument) => instrument switch
    {
        Histogram<double> or Histogram<long> => "histogram",
        ObservableCounter<long> => "counter",
        ObservableUpDownCounter<long> => "up-down counter",
        _ => instrument.GetType().Name,
    };

    private static IEnumerable<string> PrometheusNames(Instrument instrument)
    {
        var unit = instrument.Unit switch { "s" => "_seconds", "By" => "_bytes", _ => "" };
        var name = instrument.Name.Replace('.', '_') + unit;
        return KindOf(instrument) switch
        {
            "histogram" => [name + "_bucket", name + "_sum", name + "_count"],
            "counter" => [name + "_total"],
            _ => [name],
        };
    }

    [GeneratedRegex(@"^iotlink(\.[a-z_]+)+$", RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex Name();

    [GeneratedRegex(@"^(s|By|\{[a-z]+\})$", RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex Unit();

    [GeneratedRegex(@"\b(iotlink|network)_\w+", RegexOptions.ExplicitCapture, 1_000)]
    private static partial Regex Words();
}
