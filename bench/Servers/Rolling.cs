using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Examples.Cluster;
using Rx.IotLink;

namespace Bench.Servers;

/// <summary>
/// All servers are restarted one after the other, as an update does, while a hundred devices send: how long a line
/// waits at most, and whether each is in the inbox once and in order.
/// </summary>
internal static class Rolling
{
    private const int Devices = 100;
    private const int Servers = 3;
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(100);

    public static async Task<bool> RunAsync(Postgres postgres, TimeSpan length)
    {
        await using var fleet = new Fleet(postgres);
        await fleet.StartAsync(Servers);
        await using var balancer = new Balancer(fleet.Addresses, new Random(1));
        var devices = Enumerable.Range(0, Devices).Select(d => Fleet.Connect(Fleet.Text($"device-{d:000}"), balancer.Port)).ToArray();
        var outages = new Outages();
        foreach (var device in devices)
            outages.Follow(device);
        await devices.Select(device => device.State.FirstAsync(state => state.IsUp)).Merge().ToTask();

        var clock = DefaultScheduler.Instance.StartStopwatch();
        var waits = new List<double>();
        var writes = new List<Task>();
        var restarts = 0;
        using (Observable.Interval(Every).Subscribe(n => writes.AddRange(devices.Select(device => WriteAsync(device, n)))))
        {
            while (clock.Elapsed < length)
            {
                await Observable.Timer(TimeSpan.FromSeconds(3)).ToTask();
                var server = fleet.Servers[restarts++ % Servers];
                await server.EndAsync(CancellationToken.None);
                await server.StartAsync(CancellationToken.None);
            }

            await Observable.Timer(TimeSpan.FromSeconds(3)).ToTask();
        }

        await Task.WhenAll(writes);
        var written = (long)writes.Count;
        var received = await fleet.AskAsync("SELECT count(*) FROM iotlink.inbox");
        var distinct = await fleet.AskAsync("SELECT count(*) FROM (SELECT DISTINCT id, text FROM iotlink.inbox) d");
        var disordered = await fleet.AskAsync(
            "SELECT count(*) FROM (SELECT convert_from(text, 'UTF8')::bigint AS n, lag(convert_from(text, 'UTF8')::bigint) OVER (PARTITION BY id ORDER BY entry) AS before FROM iotlink.inbox) o WHERE n <= before");
        waits.Sort();
        Console.WriteLine(Fleet.Text($"{Servers} servers, {Devices} devices, {Devices / Every.TotalSeconds:0} lines/s; {restarts} restarts, {outages.Count} outages"));
        Console.WriteLine(Fleet.Text($"written {written}, received {received}, lost {written - distinct}, repeated {received - distinct}, out of order {disordered}"));
        Console.WriteLine(Fleet.Text($"a line waited {waits[waits.Count / 2] * 1_000:0} ms (half), {waits[waits.Count * 99 / 100] * 1_000:0} ms (99 of 100), {waits[^1]:0.0} s at most; a device was without a server for {outages.Longest.TotalSeconds:0.0} s at most"));
        foreach (var device in devices)
            await device.DisposeAsync();
        return written == distinct && received == distinct && disordered == 0;

        async Task WriteAsync(IotLinkClient device, long number)
        {
            var since = clock.Elapsed;
            await device.WriteAsync(Fleet.Text($"{number}"));
            lock (waits)
                waits.Add((clock.Elapsed - since).TotalSeconds);
        }
    }
}
