using System.Diagnostics;
using Rx.IotLink.Bench.Fleet.Control;

namespace Rx.IotLink.Bench.Fleet.Measurements;

/// <summary>
/// All connections reset at once, with exactly-once lines under way. Ours are real clients; the baseline is devices
/// that come back after the same back-off, to a server that accepts and reads a line.
/// </summary>
internal static class Storm
{
    public static async Task<IReadOnlyList<Figure>> MeasureAsync(Settings settings, Action<string> tell)
    {
        Machine.RequireDescriptors(settings.Storm);
        var (links, bare) = (new List<Values>(), new List<Values>());
        for (var round = 1; round <= settings.Rounds; round++)
        {
            tell($"storm, round {round}, bare");
            bare.Add(await OnceAsync(settings.Storm, bare: true).ConfigureAwait(false));
            tell($"storm, round {round}, links");
            links.Add(await OnceAsync(settings.Storm, bare: false).ConfigureAwait(false));
        }

        var name = $"storm of {settings.Storm}";
        return
        [
            new Figure($"{name}: back, a second", "connections/s", [.. links.Select(v => v.Rate)], [.. bare.Select(v => v.Rate)], "at least half of bare"),
            new Figure($"{name}: processor of the server for one", "µs", [.. links.Select(v => v.Cpu * 1e6)], [.. bare.Select(v => v.Cpu * 1e6)]),
            new Figure($"{name}: all back after", "s", [.. links.Select(v => v.Took)], [.. bare.Select(v => v.Took)]),
            new Figure($"{name}: lines lost, doubled or out of order", "lines", [.. links.Select(v => v.Wrong)], [], "0"),
            new Figure($"{name}: refused on the way", "connections", [.. links.Select(v => v.Refused)], []),
        ];
    }

    private static async Task<Values> OnceAsync(int count, bool bare)
    {
        await using var bed = await Bed.StartAsync(bare, real: !bare).ConfigureAwait(false);
        await bed.OpenAsync(count).ConfigureAwait(false);
        // The first storm is for the compiler.
        await StormAsync(bed, count, bare).ConfigureAwait(false);
        return await StormAsync(bed, count, bare).ConfigureAwait(false);
    }

    private static async Task<Values> StormAsync(Bed bed, int count, bool bare)
    {
        await Bed.PauseAsync(TimeSpan.FromSeconds(3)).ConfigureAwait(false);
        var before = await bed.SampleAsync().ConfigureAwait(false);
        var storm = await bed.StormAsync().ConfigureAwait(false);
        // Bare, the server has a line of each; with links, the devices have seen all lines accepted. Either way nothing
        // may be under way any more.
        var after = await bed.UntilAsync(s => s.Connections == count && s.Lines >= before.Lines + (bare ? 1 : 2) * count, "lines").ConfigureAwait(false);
        var ended = bare ? Math.Max(storm.Ended, after.At) : storm.Ended;
        if (await bed.CountAsync().ConfigureAwait(false) is var up && up != count)
            throw new InvalidOperationException($"After the storm {up} of {count} are up.");
        var took = Stopwatch.GetElapsedTime(storm.Begun, ended).TotalSeconds;
        return new Values(count / took, (after.Cpu - before.Cpu) / count, took, after.Wrong, after.Refused - before.Refused);
    }

    private sealed record Values(double Rate, double Cpu, double Took, double Wrong, double Refused);
}
