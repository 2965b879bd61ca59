namespace Rx.IotLink.Bench.Fleet.Measurements;

/// <summary>What links at rest cost the server: memory of each, and processor time of all.</summary>
internal static class Rest
{
    /// <summary>Connections before the first measurement, so that what is made once is not counted.</summary>
    internal const int WarmUp = 200;

    private static readonly Kind[] Kinds = [new(Bare: true, Spins: true), new(Bare: false, Spins: true), new(Bare: true, Spins: false), new(Bare: false, Spins: false)];

    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(3);

    public static async Task<IReadOnlyList<Figure>> MeasureAsync(Settings settings, bool tls, Action<string> tell)
    {
        Control.Machine.RequireDescriptors(settings.Links + WarmUp);
        var values = Kinds.ToDictionary(k => k, _ => new List<Values>());
        for (var round = 1; round <= settings.Rounds; round++)
        {
            foreach (var kind in Kinds)
            {
                tell($"at rest{(tls ? " with TLS" : "")}, round {round}, {kind}");
                values[kind].Add(await OnceAsync(settings, kind, tls).ConfigureAwait(false));
            }
        }

        var name = $"{settings.Links} links at rest{(tls ? ", TLS" : "")}";
        Figure Of(string what, string unit, bool spins, Func<Values, double> value, string target) =>
            new($"{name}: {what}", unit, [.. values[new(Bare: false, spins)].Select(value)], [.. values[new(Bare: true, spins)].Select(value)], tls ? "" : target);
        var cpu = $"processor, timeout {Settings.Timeout.TotalSeconds} s";
        return
        [
            Of("heap a link", "B", spins: true, v => v.Heap, "at most 5,120"),
            Of("resident a link", "B", spins: true, v => v.Resident, "at most 6,144"),
            Of(cpu, "% of a core", spins: true, v => v.Cpu * 100, "at most 3"),
            Of($"{cpu}, idle threads do not spin", "% of a core", spins: false, v => v.Cpu * 100, "at most 3"),
        ];
    }

    private static async Task<Values> OnceAsync(Settings settings, Kind kind, bool tls)
    {
        await using var bed = await Bed.StartAsync(kind.Bare, tls: tls, spins: kind.Spins).ConfigureAwait(false);
        return await OnceAsync(settings, bed, kind.Bare).ConfigureAwait(false);
    }

    /// <summary>Measures a server to which nothing is connected yet.</summary>
    internal static async Task<Values> OnceAsync(Settings settings, Bed bed, bool bare)
    {
        await bed.OpenAsync(WarmUp).ConfigureAwait(false);
        await Bed.PauseAsync(Settling).ConfigureAwait(false);
        var before = await bed.SampleAsync(collect: true).ConfigureAwait(false);
        await bed.OpenAsync(settings.Links).ConfigureAwait(false);
        if (bare)
            await bed.BeatBackAsync(Settings.BeatsPerSecond(settings.Links)).ConfigureAwait(false);
        // Until the opening is forgotten, and each link has said and heard its keepalives.
        await Bed.PauseAsync(Settling + (Settings.Timeout / 4)).ConfigureAwait(false);
        var cpu = await bed.WatchAsync(settings.Watch).ConfigureAwait(false);
        var after = await bed.SampleAsync(collect: true).ConfigureAwait(false);
        return new Values((double)(after.Heap - before.Heap) / settings.Links, (double)(after.Resident - before.Resident) / settings.Links, cpu);
    }

    private sealed record Kind(bool Bare, bool Spins);

    /// <summary>Of a link the bytes, of all the cores.</summary>
    internal sealed record Values(double Heap, double Resident, double Cpu);
}
