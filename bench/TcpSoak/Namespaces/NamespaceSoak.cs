using System.Net;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Rx.IotLink.Testing;
using TcpSoak.Ends;
using TcpSoak.Lines;

namespace TcpSoak.Namespaces;

/// <summary>
/// A server and devices in two namespaces, with packets dropped at random and the cable pulled again and again: the
/// system's own network, and nothing of ours between.
/// </summary>
internal static class NamespaceSoak
{
    private const int Port = 8123;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Runs for the length of the plan, then heals the network, waits for the last lines, and counts.
    /// </summary>
    /// <param name="plan">Timeout, protocol, links, length and seed.</param>
    /// <param name="dropPercent">How many packets of a hundred are dropped, each way.</param>
    /// <param name="told">Called about every second.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <exception cref="NotPossibleException">This machine does not allow it.</exception>
    public static async Task<NamespaceOutcome> RunAsync(SoakPlan plan, int dropPercent, Action<NamespaceProgress> told, CancellationToken cancellation)
    {
        await using var network = await TwoNamespaces.MakeAsync();
        var at = new IPEndPoint(network.ServerAddress, Port);
        using var server = EndProcess.Start(network.Server, EndCommands.Server, plan, at);
        using var devices = EndProcess.Start(network.Devices, EndCommands.Devices, plan, at);
        await Task.WhenAll(server.WhenAsync(_ => true, StartLimit), devices.WhenAsync(_ => true, StartLimit));

        await network.DropAsync(dropPercent);
        var stopwatch = DefaultScheduler.Instance.StartStopwatch();
        var pulls = await PullAsync(network, plan, stopwatch, pulls => told(new NamespaceProgress(stopwatch.Elapsed, pulls, devices.Status.Outages)), cancellation);
        var length = stopwatch.Elapsed;
        await network.DropAsync(0);

        var ends = new[] { server, devices };
        foreach (var end in ends)
            await end.SayAsync("write no more");
        var isDrained = await AreDrainedAsync(ends, plan.Drain);
        foreach (var end in ends)
            await end.SayAsync("go");
        var (atServer, atDevices) = (await server.WhenAsync(status => status.Lines is not null, StartLimit), await devices.WhenAsync(status => status.Lines is not null, StartLimit));
        return new NamespaceOutcome(length, pulls, isDrained, atServer, atDevices);
    }

    /// <summary>
    /// Pulls the cable at one end or the other, and puts it back, until the time is up; returns how often.
    /// </summary>
    private static async Task<int> PullAsync(TwoNamespaces network, SoakPlan plan, IStopwatch stopwatch, Action<int> told, CancellationToken cancellation)
    {
        var random = new Random(plan.Seed);
        var pulls = 0;
        while (stopwatch.Elapsed < plan.Length && !cancellation.IsCancellationRequested)
        {
            await WaitAsync(plan.Timeout * (2 + (6 * random.NextDouble())));
            var end = random.Next(2) == 0 ? network.Server : network.Devices;
            await TwoNamespaces.PlugAsync(end, isIn: false);
            await WaitAsync(plan.Timeout * (0.5 + (3.5 * random.NextDouble())));
            await TwoNamespaces.PlugAsync(end, isIn: true);
            told(++pulls);
        }

        return pulls;
    }

    private static Task<long> WaitAsync(TimeSpan time) => Observable.Timer(time).ToTask();

    private static async Task<bool> AreDrainedAsync(EndProcess[] ends, TimeSpan limit)
    {
        try
        {
            await Task.WhenAll(ends.Select(end => end.WhenAsync(status => status.IsDrained, limit)));
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }
}

/// <summary>How far a run is.</summary>
internal sealed record NamespaceProgress(TimeSpan At, int Pulls, long Outages);

/// <summary>What a run in namespaces comes to.</summary>
/// <param name="Length">How long the network was bad.</param>
/// <param name="Pulls">How often the cable was pulled.</param>
/// <param name="IsDrained">Whether every line was accepted in time once nothing disturbed it.</param>
/// <param name="Server">The last report of the server's process.</param>
/// <param name="Devices">The last report of the devices' process.</param>
internal sealed record NamespaceOutcome(TimeSpan Length, int Pulls, bool IsDrained, EndStatus Server, EndStatus Devices)
{
    /// <summary>Both halves of the lines of each device.</summary>
    public IReadOnlyList<EndSums> Lines => [.. Server.Lines!.Select(atServer => Join(atServer.Value, Devices.Lines![atServer.Key]))];

    public DeliveryVerdict ToServer => Lines.Aggregate(new DeliveryVerdict(), (sum, device) => sum + device.ToServer);

    public DeliveryVerdict ToDevices => Lines.Aggregate(new DeliveryVerdict(), (sum, device) => sum + device.ToDevice);

    /// <summary>Judged for each device: a line too many of one must not make up for one that another lost.</summary>
    public bool IsGood => IsDrained && Lines.All(device => device.ToServer.IsFlawless && device.ToDevice.IsFlawless);

    private static EndSums Join(EndSums atServer, EndSums atDevice) =>
        new(Direction.Join(atDevice.ToServer, atServer.ToServer), Direction.Join(atServer.ToDevice, atDevice.ToDevice));
}
