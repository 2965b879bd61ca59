using System.Diagnostics;
using Rx.IotLink.Bench.Fleet.Control;

namespace Rx.IotLink.Bench.Fleet.Measurements;

/// <summary>Links held for a long while: none may drop.</summary>
internal static class Held
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(30);

    public static async Task<IReadOnlyList<Figure>> MeasureAsync(Settings settings, Action<string> tell)
    {
        var each = settings.Held / settings.Servers;
        Machine.RequireDescriptors(each);
        var beds = new List<Bed>();
        try
        {
            for (var i = 0; i < settings.Servers; i++)
            {
                tell($"holding: server {i + 1} of {settings.Servers}, {each} links");
                var bed = await Bed.StartAsync(bare: false, number: i + 1).ConfigureAwait(false);
                beds.Add(bed);
                await bed.OpenAsync(each).ConfigureAwait(false);
            }

            var (began, cpu, least) = (Stopwatch.GetTimestamp(), await CpuAsync(beds).ConfigureAwait(false), int.MaxValue);
            while (Stopwatch.GetElapsedTime(began) is var held && held < settings.Hold)
            {
                await Bed.PauseAsync(Look < settings.Hold - held ? Look : settings.Hold - held).ConfigureAwait(false);
                var up = (await SamplesAsync(beds).ConfigureAwait(false)).Sum(s => s.Connections);
                least = Math.Min(least, up);
                tell($"holding: {up} links after {Stopwatch.GetElapsedTime(began).TotalMinutes:0.0} min");
            }

            var length = Stopwatch.GetElapsedTime(began);
            var used = await CpuAsync(beds).ConfigureAwait(false) - cpu;
            var samples = await SamplesAsync(beds).ConfigureAwait(false);
            var counts = await Task.WhenAll(beds.Select(b => b.CountAsync())).ConfigureAwait(false);
            var name = $"{each * settings.Servers} links held {length.TotalMinutes:0.#} min by {settings.Servers} server process{(settings.Servers == 1 ? "" : "es")}";
            return
            [
                new Figure($"{name}: least up at a time", "links", [least], [], $"{each * settings.Servers}"),
                new Figure($"{name}: up at the end, by the devices", "links", [counts.Sum()], [], $"{each * settings.Servers}"),
                new Figure($"{name}: connections made beyond the first, refused, outages", "", [samples.Sum(s => s.Accepted + s.Refused + s.Outages) - (each * settings.Servers)], [], "0"),
                new Figure($"{name}: processor of the servers", "% of a core", [100 * used / length.TotalSeconds], []),
                new Figure($"{name}: resident, all of the servers", "MB", [samples.Sum(s => s.Resident) / 1e6], []),
            ];
        }
        finally
        {
            foreach (var bed in beds)
                await bed.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static Task<ServerSample[]> SamplesAsync(List<Bed> beds) => Task.WhenAll(beds.Select(b => b.SampleAsync()));

    private static async Task<double> CpuAsync(List<Bed> beds) => (await SamplesAsync(beds).ConfigureAwait(false)).Sum(s => s.Cpu);
}
