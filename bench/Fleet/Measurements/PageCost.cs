namespace Rx.IotLink.Bench.Fleet.Measurements;

/// <summary>
/// What the page for operators costs a server whose devices write lines: while nobody looks, while one looks at the
/// table, and while one looks at a device beside it.
/// </summary>
internal static class PageCost
{
    private const double LinesPerSecond = 1_000;

    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(10);

    public static async Task<IReadOnlyList<Figure>> MeasureAsync(Settings settings, Action<string> tell)
    {
        Control.Machine.RequireDescriptors(settings.Links);
        var (without, rounds) = (new List<double>(), new List<Values>());
        for (var round = 1; round <= settings.Rounds; round++)
        {
            tell($"page, round {round}, without a page");
            without.Add(await WithoutAsync(settings).ConfigureAwait(false));
            tell($"page, round {round}, with a page");
            rounds.Add(await WithAsync(settings).ConfigureAwait(false));
        }

        var name = $"{settings.Links} links, {LinesPerSecond} lines/s";
        Figure Of(string what, string unit, Func<Values, double> value, bool hasBase = false) => new($"{name}: {what}", unit, [.. rounds.Select(value)], hasBase ? without : []);
        return
        [
            Of("processor, nobody looks (bare: no page)", "% of a core", v => v.Closed * 100, hasBase: true) with { Bare = [.. without.Select(v => v * 100)] },
            Of("processor, one looks at the table, more than nobody", "% of a core", v => (v.Table - v.Closed) * 100),
            Of("processor, one looks at a device too, more than nobody", "% of a core", v => (v.Device - v.Closed) * 100),
            Of("sent to the page with the table", "B/s", v => v.TableBytes),
            Of("sent to the page with a device", "B/s", v => v.DeviceBytes),
            Of("sent to the page at its beginning", "B", v => v.FirstBytes),
        ];
    }

    private static async Task<double> WithoutAsync(Settings settings)
    {
        await using var bed = await OpenAsync(settings, page: false).ConfigureAwait(false);
        return await bed.WatchAsync(settings.Watch).ConfigureAwait(false);
    }

    private static async Task<Values> WithAsync(Settings settings)
    {
        await using var bed = await OpenAsync(settings, page: true).ConfigureAwait(false);
        var closed = await bed.WatchAsync(settings.Watch).ConfigureAwait(false);
        var (table, first, tableBytes) = await LookAsync(bed, settings, "api/page?limit=50").ConfigureAwait(false);
        var (device, _, deviceBytes) = await LookAsync(bed, settings, "api/page?limit=50&device=device-1000000").ConfigureAwait(false);
        return new(closed, table, device, first, tableBytes, deviceBytes);
    }

    private static async Task<Bed> OpenAsync(Settings settings, bool page)
    {
        var bed = await Bed.StartAsync(bare: false, real: true, page: page).ConfigureAwait(false);
        await bed.OpenAsync(settings.Links).ConfigureAwait(false);
        await bed.WriteAsync(LinesPerSecond).ConfigureAwait(false);
        await Bed.PauseAsync(Settling).ConfigureAwait(false);
        return bed;
    }

    /// <summary>Looks, as the page of a browser does; the processor time, and the bytes that came.</summary>
    private static async Task<(double Cpu, double First, double PerSecond)> LookAsync(Bed bed, Settings settings, string at)
    {
        using var http = new HttpClient { BaseAddress = bed.Page };
        using var ended = new CancellationTokenSource();
        var stream = await http.GetStreamAsync(new Uri(at, UriKind.Relative), ended.Token).ConfigureAwait(false);
        long bytes = 0;
        var reading = Task.Run(async () =>
        {
            var buffer = new byte[65_536];
            try
            {
                while (await stream.ReadAsync(buffer, ended.Token).ConfigureAwait(false) is > 0 and var count)
                    Interlocked.Add(ref bytes, count);
            }
            catch (OperationCanceledException)
            {
                // Looked at for long enough.
            }
        });
        await Bed.PauseAsync(TimeSpan.FromMilliseconds(500)).ConfigureAwait(false);
        var first = Interlocked.Read(ref bytes);
        var cpu = await bed.WatchAsync(settings.Watch).ConfigureAwait(false);
        var all = Interlocked.Read(ref bytes);
        await ended.CancelAsync().ConfigureAwait(false);
        await reading.ConfigureAwait(false);
        await stream.DisposeAsync().ConfigureAwait(false);
        return (cpu, first, (all - first) / settings.Watch.TotalSeconds);
    }

    private sealed record Values(double Closed, double Table, double Device, double FirstBytes, double TableBytes, double DeviceBytes);
}
