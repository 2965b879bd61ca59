using System.Globalization;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using MQTTnet.Protocol;
using Peers.Mqtt;
using Rx.IotLink.Server;
using Spectre.Console;
using Throughput;
using Throughput.Links;

namespace Peers;

/// <summary>
/// A fleet as fleets are: each connection carries a line a second.
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

    private static readonly (string Name, string Server, TimeSpan? Timeout, Func<int, ServerEnd?, PeerWorkload> Create)[] Kinds =
    [
        ("Rx.IotLink, exactly once", ServerEnd.Links, null, (n, apart) => new LinkWorkload(n, apart: apart)),
        ("the same, timeout 30 s", ServerEnd.Links, Timeout, (n, apart) => new LinkWorkload(n, Timeout, apart)),
        ("MQTTnet, QoS 2", ServerEnd.Mqtt, null, (n, apart) => new MqttWorkload(n, 1, MqttQualityOfServiceLevel.ExactlyOnce, apart)),
        ("MQTTnet, QoS 1", ServerEnd.Mqtt, null, (n, apart) => new MqttWorkload(n, 1, MqttQualityOfServiceLevel.AtLeastOnce, apart)),
    ];

    /// <summary>Measures each number of connections.</summary>
    /// <param name="counts">How many connections.</param>
    /// <param name="apart">
    /// Whether the server is in another process; then the heap is that of the clients alone. Else both ends are in this
    /// process.
    /// </param>
    public static async Task<int> RunAsync(IEnumerable<string> counts, bool apart)
    {
        var table = new Table().AddColumns("connections", "what", "lines/s", "% of a core", "p50 µs", "p99 µs", "bytes of heap a connection");
        foreach (var count in counts)
        {
            if (Rest.Parse(count) is not { } connections)
                return 2;
            foreach (var (name, kind, timeout, create) in Kinds)
            {
                AnsiConsole.WriteLine($"{connections} connections, {name}");
                using var server = apart ? await ServerEnd.StartAsync(kind, connections, timeout ?? new IotLinkServerOptions().Timeout) : null;
                var row = await MeasureAsync(create(connections, server), connections, server);
                table.AddRow([connections.ToString("n0", CultureInfo.InvariantCulture), Markup.Escape(name), .. row]);
            }
        }

        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 120);
        AnsiConsole.Write(table);
        return 0;
    }

    private static async Task<string[]> MeasureAsync(PeerWorkload opened, int connections, ServerEnd? apart)
    {
        await using var workload = opened;
        var before = Rest.Heap();
        await workload.OpenAsync();
        using var pace = new Pace(workload, connections);
        await Observable.Timer(WarmUp).ToTask();
        workload.Latencies.Clear();
        var (lines, cpu, at) = (pace.Done, Used(apart), LatencyHistogram.Now());
        await Observable.Timer(Length).ToTask();
        var took = System.Diagnostics.Stopwatch.GetElapsedTime(at).TotalSeconds;
        var (more, used) = (pace.Done - lines, (Used(apart) - cpu).TotalSeconds);
        var (p50, p99) = (workload.Latencies.Percentile(0.5), workload.Latencies.Percentile(0.99));
        await pace.StopAsync();
        return
        [
            Number(more / took, "n0"), Number(100 * used / took, "n1"), Number(p50 ?? 0, "n0"), Number(p99 ?? 0, "n0"),
            Number((double)(Rest.Heap() - before) / connections, "n0"),
        ];
    }

    /// <summary>The processor time of both ends.</summary>
    private static TimeSpan Used(ServerEnd? apart) => Environment.CpuUsage.TotalTime + (apart?.CpuTime ?? TimeSpan.Zero);

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
