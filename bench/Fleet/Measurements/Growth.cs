using System.Globalization;

namespace Rx.IotLink.Bench.Fleet.Measurements;

/// <summary>What a link costs as they become many: its memory, a keepalive, its opening.</summary>
internal static class Growth
{
    /// <summary>Keepalives a second in all, for any number of links: enough to measure the cost of one.</summary>
    private const double Beats = 2_000;

    private const int WarmUp = 200;

    /// <summary>The opening of so many more is timed at each stage.</summary>
    private const int Timed = 100;

    public static async Task<IReadOnlyList<Figure>> MeasureAsync(Settings settings, Action<string> tell)
    {
        Control.Machine.RequireDescriptors(settings.Stages[^1] + WarmUp);
        var stages = settings.Stages.ToDictionary(s => s, _ => new List<(Values Links, Values Bare)>());
        for (var round = 1; round <= settings.Rounds; round++)
        {
            tell($"growth, round {round}, bare");
            var bare = await OnceAsync(settings, bare: true).ConfigureAwait(false);
            tell($"growth, round {round}, links");
            var links = await OnceAsync(settings, bare: false).ConfigureAwait(false);
            foreach (var stage in settings.Stages)
                stages[stage].Add((links[stage], bare[stage]));
        }

        return
        [
            .. Of("heap a link", "B", v => v.Heap),
            .. Of("processor a keepalive heard", "µs", v => v.Beat * 1e6),
            .. Of("time to open one", "µs", v => v.Open * 1e6),
        ];

        IEnumerable<Figure> Of(string what, string unit, Func<Values, double> value) => settings.Stages.Select(stage => new Figure(
            string.Create(CultureInfo.InvariantCulture, $"{stage:N0} links: {what}"), unit,
            [.. stages[stage].Select(v => value(v.Links))], [.. stages[stage].Select(v => value(v.Bare))], stage == settings.Stages[0] ? "" : "within 20 % of the first"));
    }

    private static async Task<Dictionary<int, Values>> OnceAsync(Settings settings, bool bare)
    {
        var values = new Dictionary<int, Values>();
        await using var bed = await Bed.StartAsync(bare).ConfigureAwait(false);
        await bed.OpenAsync(WarmUp).ConfigureAwait(false);
        // What is compiled and made once.
        await bed.BeatAsync(Beats).ConfigureAwait(false);
        await Bed.PauseAsync(settings.Watch).ConfigureAwait(false);
        await bed.BeatAsync(0).ConfigureAwait(false);
        var empty = await bed.SampleAsync(collect: true).ConfigureAwait(false);
        var open = 0;
        foreach (var stage in settings.Stages)
        {
            if (stage - open > Timed)
                await bed.OpenAsync(stage - open - Timed).ConfigureAwait(false);
            var timed = await bed.OpenAsync(Math.Min(stage - open, Timed)).ConfigureAwait(false);
            open = stage;
            await Bed.PauseAsync(TimeSpan.FromSeconds(2)).ConfigureAwait(false);
            var idle = await bed.WatchAsync(settings.Watch / 2).ConfigureAwait(false);
            await bed.BeatAsync(Beats).ConfigureAwait(false);
            var beating = await bed.WatchAsync(settings.Watch).ConfigureAwait(false);
            await bed.BeatAsync(0).ConfigureAwait(false);
            var sample = await bed.SampleAsync(collect: true).ConfigureAwait(false);
            values.Add(stage, new Values((double)(sample.Heap - empty.Heap) / stage, (beating - idle) / Beats, timed.Took.TotalSeconds / Timed));
        }

        return values;
    }

    private sealed record Values(double Heap, double Beat, double Open);
}
