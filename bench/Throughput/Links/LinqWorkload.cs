using System.Globalization;
using System.Reactive.Linq;
using System.Text.Json.Serialization;
using Rx.IotLink;

namespace Throughput.Links;

/// <summary>LINQ over one link: parse JSON, group by device, a count and a mean for each second.</summary>
internal sealed class LinqWorkload(Settings settings, int window) : Workload
{
    private const int Devices = 10;

    private static readonly string[] Readings =
        [.. Enumerable.Range(0, Devices * 100).Select(i => string.Create(CultureInfo.InvariantCulture, $$"""{"device":"d{{i % Devices}}","celsius":{{10 + (i / 100.0):00.00}}}"""))];

    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private LinkPairs? pairs;
    private long written;
    private long parsed;
    private long counted;

    public override long Lines => Volatile.Read(ref parsed);

    public override async Task OpenAsync()
    {
        pairs = await LinkPairs.OpenAsync(settings, 1);
        (await pairs.ServerEndAsync(0)).Lines
            .FromJson(ReadingContext.Default.Reading)
            .Do(_ => Volatile.Write(ref parsed, parsed + 1))
            .GroupBy(reading => reading.Device)
            .SelectMany(device => device.Window(TimeSpan.FromSeconds(1)).SelectMany(second => second
                .Aggregate((Count: 0, Sum: 0.0), (sums, reading) => (sums.Count + 1, sums.Sum + reading.Celsius))))
            .Subscribe(second => Interlocked.Add(ref counted, second.Count), ended.SetException, ended.SetResult);
    }

    public override async Task RunAsync()
    {
        var writes = new Task[window];
        Array.Fill(writes, Task.CompletedTask);
        for (; !Stopping; written++)
        {
            await writes[written % window];
            writes[written % window] = pairs!.Clients[0].WriteAsync(Readings[written % Readings.Length]);
        }

        await Task.WhenAll(writes);
        if (Lines != written)
            throw new InvalidDataException($"{written} readings were written and {Lines} parsed");
    }

    public override async ValueTask DisposeAsync()
    {
        if (pairs is not null)
            await pairs.DisposeAsync();
        // The end of the link ends the windows: every reading is in one of them.
        await ended.Task;
        if (Interlocked.Read(ref counted) != written)
            throw new InvalidDataException($"{written} readings were written and {counted} are in the windows");
    }
}

/// <summary>What a device measured.</summary>
internal sealed record Reading(string Device, double Celsius);

/// <summary>How readings are read.</summary>
[JsonSourceGenerationOptions(System.Text.Json.JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(Reading))]
internal sealed partial class ReadingContext : JsonSerializerContext;
