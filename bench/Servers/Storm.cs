using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Examples.Cluster;

namespace Bench.Servers;

/// <summary>
/// One of two servers is killed while it has half of many devices: how long until the other one has claimed them all.
/// </summary>
internal static class Storm
{
    public static async Task RunAsync(Postgres postgres, int count)
    {
        await using var fleet = new Fleet(postgres);
        await fleet.StartAsync(2);
        var clock = DefaultScheduler.Instance.StartStopwatch();
        var devices = Enumerable.Range(0, count).Select(d => fleet.ConnectInTurns(Fleet.Text($"device-{d:00000}"), d)).ToArray();
        await devices.Select(device => device.State.FirstAsync(state => state.IsUp)).Merge(1_000).ToTask();
        Console.WriteLine(Fleet.Text($"{count} devices came for the first time: all up after {clock.Elapsed.TotalSeconds:0.0} s, {count / clock.Elapsed.TotalSeconds:0} claims/s"));

        var outages = new Outages();
        foreach (var device in devices)
            outages.Follow(device);
        var claimed = await fleet.AskAsync("SELECT count(*) FROM iotlink.sessions WHERE node = 's1'");
        var began = clock.Elapsed;
        await fleet.Servers[1].KillAsync(CancellationToken.None);
        while (await fleet.AskAsync("SELECT count(*) FROM iotlink.sessions WHERE node = 's0'") < count)
            await Observable.Timer(TimeSpan.FromMilliseconds(100)).ToTask();
        var took = (clock.Elapsed - began).TotalSeconds;
        Console.WriteLine(Fleet.Text($"a server with {claimed} of them was killed: all claimed by the other one after {took:0.0} s, {claimed / took:0} claims/s"));
        await devices.Select(device => device.State.FirstAsync(state => state.IsUp)).Merge(1_000).ToTask();
        Console.WriteLine(Fleet.Text($"all up after {(clock.Elapsed - began).TotalSeconds:0.0} s; a device was without a server for {outages.Longest.TotalSeconds:0.0} s at most"));
        foreach (var device in devices)
            await device.DisposeAsync();
    }
}
