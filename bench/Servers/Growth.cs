using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Examples.Cluster;

namespace Bench.Servers;

/// <summary>
/// How many lines a second one, two and three servers accept, and what a line costs the processor: in the servers, and
/// in the database.
/// </summary>
internal static class Growth
{
    private const int Devices = 300;
    private const int InFlight = 16;

    public static async Task RunAsync(Postgres postgres, TimeSpan length)
    {
        var alone = 0.0;
        foreach (var servers in new[] { 1, 2, 3 })
        {
            await using var fleet = new Fleet(postgres);
            await fleet.StartAsync(servers);
            var devices = Enumerable.Range(0, Devices).Select(d => Fleet.Connect(Fleet.Text($"device-{d:000}"), fleet.Addresses[d % servers].Port)).ToArray();
            await devices.Select(device => device.State.FirstAsync(state => state.IsUp)).Merge().ToTask();
            using var ending = new CancellationTokenSource();
            var writing = devices.SelectMany(device => Enumerable.Range(0, InFlight).Select(_ => WriteAsync(device, ending.Token))).ToArray();
            await Observable.Timer(length / 4).ToTask();
            var (clock, lines) = (DefaultScheduler.Instance.StartStopwatch(), Accepted(devices));
            var (ofServers, ofDatabase) = (Sum(fleet), postgres.ProcessorTime);
            await Observable.Timer(length).ToTask();
            var count = Accepted(devices) - lines;
            var rate = count / clock.Elapsed.TotalSeconds;
            alone = servers == 1 ? rate : alone;
            Console.WriteLine(Fleet.Text($"{servers} server(s): {rate:0} lines/s, ratio {rate / alone:0.00}; processor: {Micro(Sum(fleet) - ofServers, count):0} us a line in the servers, {Micro(postgres.ProcessorTime - ofDatabase, count):0} in PostgreSQL"));
            await ending.CancelAsync();
            await Task.WhenAll(writing);
            foreach (var device in devices)
                await device.DisposeAsync();
        }
    }

    private static async Task WriteAsync(Rx.IotLink.IotLinkClient device, CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
            await device.WriteAsync("reading 00000 of a sensor, in 40 bytes..", cancellationToken: CancellationToken.None);
    }

    private static long Accepted(Rx.IotLink.IotLinkClient[] devices) => devices.Sum(device => device.Counters.LinesAcknowledged);

    private static TimeSpan Sum(Fleet fleet) => fleet.Servers.Aggregate(TimeSpan.Zero, (sum, server) => sum + server.ProcessorTime);

    private static double Micro(TimeSpan time, long count) => time.TotalMicroseconds / Math.Max(1, count);
}
