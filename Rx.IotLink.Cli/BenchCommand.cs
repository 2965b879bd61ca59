using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;

namespace Rx.IotLink.Cli;

/// <summary>The options of <c>iotlink bench</c>.</summary>
/// <param name="Server">Where the server is.</param>
/// <param name="Devices">How many devices write.</param>
/// <param name="InFlight">How many lines each has on their way at a time.</param>
/// <param name="Bytes">How long a line is.</param>
/// <param name="For">How long they write.</param>
/// <param name="Json">Whether the figures are JSON.</param>
internal sealed record BenchSettings(HostAndPort Server, int Devices, int InFlight, int Bytes, TimeSpan For, bool Json);

/// <summary>
/// <c>iotlink bench</c>: how many lines a second a server accepts, and how long that takes. The lines reach the
/// application of the server, as any others do.
/// </summary>
internal sealed class BenchCommand(BenchSettings settings, TextWriter lines, CommandContext context)
{
    private static readonly TimeSpan ConnectWithin = TimeSpan.FromSeconds(10);

    private readonly Latencies latencies = new();
    private long accepted;

    public async Task<int> RunAsync()
    {
        var devices = Enumerable.Range(1, settings.Devices).Select(Start).ToList();
        try
        {
            if (!await AreUpAsync(devices).ConfigureAwait(false))
            {
                var down = (await Task.WhenAll(devices.Select(async d => await d.State.FirstAsync())).ConfigureAwait(false)).FirstOrDefault(s => !s.IsUp);
                context.Output.Error($"{settings.Server.Host}:{settings.Server.Port} did not let all devices in within {ConnectWithin.TotalSeconds} s: {down}");
                return ExitCode.NotDelivered;
            }

            var watch = Stopwatch.StartNew();
            using var over = CancellationTokenSource.CreateLinkedTokenSource(context.Stop);
            using var timer = Observable.Timer(settings.For, context.Scheduler).Subscribe(_ => over.Cancel());
            var text = new string('x', settings.Bytes);
            await Task.WhenAll(devices.SelectMany(device => Enumerable.Range(0, settings.InFlight).Select(_ => WriteAsync(device, text, over.Token)))).ConfigureAwait(false);
            await TellAsync(watch.Elapsed, devices.Sum(device => device.Counters.Outages)).ConfigureAwait(false);
            return ExitCode.Delivered;
        }
        finally
        {
            await Task.WhenAll(devices.Select(device => device.DisposeAsync().AsTask())).ConfigureAwait(false);
        }
    }

    private IotLinkClient Start(int number) => IotLinkClient.Start(new()
    {
        Host = settings.Server.Host,
        Port = settings.Server.Port,
        Id = string.Create(CultureInfo.InvariantCulture, $"bench-{number}"),
        Scheduler = context.Scheduler,
        DrainTimeout = TimeSpan.Zero,
    });

    private async Task<bool> AreUpAsync(List<IotLinkClient> devices) =>
        await Task.WhenAll(devices.Select(device => device.WaitUntilUpAsync(context.Stop))).ToObservable().Select(_ => true)
            .Merge(Observable.Timer(ConnectWithin, context.Scheduler).Select(_ => false))
            .FirstAsync().ToTask(context.Stop).ConfigureAwait(false);

    private async Task WriteAsync(IotLinkClient device, string text, CancellationToken over)
    {
        try
        {
            while (!over.IsCancellationRequested)
            {
                var since = Stopwatch.GetTimestamp();
                await device.WriteAsync(text, cancellationToken: over).ConfigureAwait(false);
                latencies.Add(Stopwatch.GetElapsedTime(since));
                Interlocked.Increment(ref accepted);
            }
        }
        catch (OperationCanceledException)
        {
            // The time is over.
        }
    }

    private Task TellAsync(TimeSpan took, long outages)
    {
        var rate = accepted / took.TotalSeconds;
        var (half, most, nearly, max) = (latencies.At(0.5), latencies.At(0.95), latencies.At(0.99), latencies.At(1));
        return lines.WriteAsync(settings.Json
            ? string.Create(CultureInfo.InvariantCulture, $$"""{"devices":{{settings.Devices}},"inFlight":{{settings.InFlight}},"bytes":{{settings.Bytes}},"seconds":{{took.TotalSeconds:F3}},"accepted":{{accepted}},"linesPerSecond":{{rate:F1}},"milliseconds":{"p50":{{half:F3}},"p95":{{most:F3}},"p99":{{nearly:F3}},"max":{{max:F3}}},"outages":{{outages}}}""") + "\n"
            : string.Create(
                CultureInfo.InvariantCulture,
                $"""
                {settings.Devices} devices, {settings.InFlight} lines in flight each, {settings.Bytes} bytes, {took.TotalSeconds:F1} s
                accepted       {accepted} lines, {rate:N0} lines/s
                until accepted {half:F2} ms (half), {most:F2} ms (95 %), {nearly:F2} ms (99 %), {max:F2} ms (all)
                outages        {outages}

                """));
    }

    /// <summary>How often a write took how long, in classes that differ by 2 percent: it is bounded.</summary>
    private sealed class Latencies
    {
        private const double Step = 1.02;
        private const int Classes = 1_500;

        private readonly long[] counts = new long[Classes];

        public void Add(TimeSpan time) =>
            Interlocked.Increment(ref counts[Math.Clamp((int)Math.Log(Math.Max(1, time.TotalMicroseconds), Step), 0, Classes - 1)]);

        /// <summary>In milliseconds, this share of the writes took no longer.</summary>
        public double At(double share)
        {
            var (all, seen) = (counts.Sum(), 0L);
            for (var at = 0; at < Classes; at++)
            {
                seen += counts[at];
                if (seen > 0 && seen >= all * share)
                    return Math.Pow(Step, at + 1) / 1_000;
            }

            return 0;
        }
    }
}
