namespace Rx.IotLink.Bench.Fleet.Measurements;

/// <summary>What links at rest cost the server: memory of each, and processor time of all.</summary>
internal static class Rest
{
    /// <summary>Connections before the first measurement, so that what is made once is not counted.</summary>
    private const int WarmUp = 200;

    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(3);

    public static async Task<IReadOnlyList<Figure>> MeasureAsync(Settings settings, bool tls, Action<string> tell)
    {
        Control.Machine.RequireDescriptors(settings.Links + WarmUp);
        var (links, bare) = (new List<Values>(), new List<Values>());
        for (var round = 1; round <= settings.Rounds; round++)
        {
            foreach (var isBare in (bool[])[true, false])
            {
                tell($"at rest{(tls ? " with TLS" : "")}, round {round}, {(isBare ? "bare" : "links")}");
                (isBare ? bare : links).Add(await OnceAsync(settings, isBare, tls).ConfigureAwait(false));
            }
        }

        var name = $"{settings.Links} links at rest{(tls ? ", TLS" : "")}";
        Figure Of(string what, string unit, Func<Values, double> value, string target) =>
            new($"{name}: {what}", unit, [.. links.Select(value)], [.. bare.Select(value)], tls ? "" : target);
        return
        [
            Of("heap a link", "B", v => v.Heap, "at most 5,120"),
            Of("resident a link", "B", v => v.Resident, "at most 6,144"),
            Of($"processor, timeout {Settings.Timeout.TotalSeconds} s", "% of a core", v => v.Cpu * 100, "at most 3"),
        ];
    }

    private static async Task<Values> OnceAsync(Settings settings, bool bare, bool tls)
    {
        await using var bed = await Bed.StartAsync(bare, tls: tls).ConfigureAwait(false);
        await bed.OpenAsync(WarmUp).ConfigureAwait(false);
        await Bed.PauseAsync(Settling).ConfigureAwait(false);
        var before = await bed.SampleAsync(collect: true).ConfigureAwait(false);
        await bed.OpenAsync(settings.Links).ConfigureAwait(false);
        await bed.BeatAsync(Settings.BeatsPerSecond(settings.Links), server: bare).ConfigureAwait(false);
        // Until the opening is forgotten, and each link has said and heard its keepalives.
        await Bed.PauseAsync(Settling + (Settings.Timeout / 4)).ConfigureAwait(false);
        var cpu = await bed.WatchAsync(settings.Watch).ConfigureAwait(false);
        var after = await bed.SampleAsync(collect: true).ConfigureAwait(false);
        return new Values((double)(after.Heap - before.Heap) / settings.Links, (double)(after.Resident - before.Resident) / settings.Links, cpu);
    }

    private sealed record Values(double Heap, double Resident, double Cpu);
}
