using System.Globalization;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using MQTTnet.Protocol;
using Peers.Mqtt;
using Spectre.Console;
using Throughput;
using Throughput.Links;

namespace Peers;

/// <summary>
/// A fleet as fleets are: each connection carries a line a second. Both ends are in this process.
/// </summary>
internal static class Scale
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(15);

    /// <summary>
    /// A link finds an outage within 2 s by default, and sends keepalives each half second for it. MQTTnet's default
    /// finds it within 22 s: one and a half times its keep-alive of 15 s.
    /// </summary>
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private static readonly (string Name, Func<int, PeerWorkload> Create)[] Kinds =
    [
        ("Rx.IotLink, exactly once", n => new LinkWorkload(n)),
        ("the same, timeout 30 s", n => new LinkWorkload(n, Timeout)),
        ("MQTTnet, QoS 2", n => new MqttWorkload(n, 1, MqttQualityOfServiceLevel.ExactlyOnce)),
        ("MQTTnet, QoS 1", n => new MqttWorkload(n, 1, MqttQualityOfServiceLevel.AtLeastOnce)),
    ];

    public static async Task<int> RunAsync(IEnumerable<string> counts)
    {
        var table = new Table().AddColumns("connections", "what", "lines/s", "% of a core", "p50 µs", "p99 µs", "bytes of heap a connection");
        foreach (var count in counts)
        {
            if (Rest.Parse(count) is not { } connections)
                return 2;
            foreach (var (name, create) in Kinds)
            {
                AnsiConsole.WriteLine($"{connections} connections, {name}");
                var row = await MeasureAsync(create(connections), connections);
                table.AddRow([connections.ToString("n0", CultureInfo.InvariantCulture), Markup.Escape(name), .. row]);
            }
        }

        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 120);
        AnsiConsole.Write(table);
        return 0;
    }

    private static async Task<string[]> MeasureAsync(PeerWorkload opened, int connections)
    {
        await using var workload = opened;
        var before = Rest.Heap();
        await workload.OpenAsync();
        using var pace = new Pace(workload, connections);
        await Observable.Timer(WarmUp).ToTask();
        workload.Latencies.Clear();
        var (lines, cpu, at) = (pace.Done, Environment.CpuUsage.TotalTime, LatencyHistogram.Now());
        await Observable.Timer(Length).ToTask();
        var took = System.Diagnostics.Stopwatch.GetElapsedTime(at).TotalSeconds;
        var (more, used) = (pace.Done - lines, (Environment.CpuUsage.TotalTime - cpu).TotalSeconds);
        var (p50, p99) = (workload.Latencies.Percentile(0.5), workload.Latencies.Percentile(0.99));
        await pace.StopAsync();
        return
        [
            Number(more / took, "n0"), Number(100 * used / took, "n1"), Number(p50 ?? 0, "n0"), Number(p99 ?? 0, "n0"),
            Number((double)(Rest.Heap() - before) / connections, "n0"),
        ];
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    /// <summary>Writes a line of each connection a second, one connection after the other.</summary>
    private sealed class Pace : IDisposable
    {
        private readonly PeerWorkload workload;
        private readonly Task[] writes;
        private readonly long[] written;
        private readonly IDisposable ticking;
        private readonly Lock gate = new();
        private double due;
        private int next;
        private long done;

        public Pace(PeerWorkload workload, int connections)
        {
            (this.workload, writes, written) = (workload, new Task[connections], new long[connections]);
            Array.Fill(writes, Task.CompletedTask);
            ticking = Observable.Interval(Tick).Subscribe(_ => Write(connections * Tick.TotalSeconds));
        }

        public long Done => Volatile.Read(ref done);

        public async Task StopAsync()
        {
            ticking.Dispose();
            Task[] last;
            lock (gate)
                last = [.. writes];
            await Task.WhenAll(last);
        }

        public void Dispose() => ticking.Dispose();

        private void Write(double more)
        {
            lock (gate)
            {
                for (due += more; due >= 1; due--)
                {
                    var connection = next;
                    next = (next + 1) % writes.Length;
                    // One that is slower than a line a second gets fewer.
                    if (writes[connection].IsCompleted)
                        writes[connection] = WriteAsync(connection);
                }
            }
        }

        private async Task WriteAsync(int connection)
        {
            var at = LatencyHistogram.Now();
            await workload.WriteAsync(connection, NumberedLines.At(written[connection]++)).ConfigureAwait(false);
            workload.Latencies.AddSince(at);
            Interlocked.Increment(ref done);
        }
    }
}
