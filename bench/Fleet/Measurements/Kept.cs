namespace Rx.IotLink.Bench.Fleet.Measurements;

/// <summary>
/// What links at rest cost a server that keeps their memory, beside the same links of one that does not.
/// </summary>
internal static class Kept
{
    public static async Task<IReadOnlyList<Figure>> MeasureAsync(Settings settings, Action<string> tell)
    {
        Control.Machine.RequireDescriptors(settings.Links + Rest.WarmUp);
        var (with, without) = (new List<Rest.Values>(), new List<Rest.Values>());
        for (var round = 1; round <= settings.Rounds; round++)
        {
            tell($"kept, round {round}, without a store");
            without.Add(await WithoutAsync(settings).ConfigureAwait(false));
            tell($"kept, round {round}, with SQLite");
            with.Add(await WithAsync(settings).ConfigureAwait(false));
        }

        // The column of the baseline stays empty: it is bare connections elsewhere.
        Figure Of(string what, string unit, Func<Rest.Values, double> value) => new(what, unit, [.. with.Select(value)], []);
        Figure More(string what, string unit, Func<Rest.Values, double> value, string target) =>
            new(what, unit, [.. with.Zip(without, (w, wo) => value(w) - value(wo))], [], target);
        var name = $"{settings.Links} links at rest, SQLite";
        return
        [
            Of($"{name}: heap a link", "B", v => v.Heap),
            More($"{name}: heap a link, more than without", "B", v => v.Heap, "at most 1,024"),
            More($"{name}: resident a link, more than without", "B", v => v.Resident, ""),
            More($"{name}: processor, more than without", "% of a core", v => v.Cpu * 100, ""),
        ];
    }

    private static async Task<Rest.Values> WithoutAsync(Settings settings)
    {
        await using var bed = await Bed.StartAsync(bare: false).ConfigureAwait(false);
        return await Rest.OnceAsync(settings, bed, bare: false).ConfigureAwait(false);
    }

    private static async Task<Rest.Values> WithAsync(Settings settings)
    {
        var folder = settings.Folder.CreateSubdirectory($"iotlink-fleet-{Guid.NewGuid():n}");
        try
        {
            await using var bed = await Bed.StartAsync(bare: false, file: Path.Combine(folder.FullName, "fleet.db")).ConfigureAwait(false);
            return await Rest.OnceAsync(settings, bed, bare: false).ConfigureAwait(false);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
