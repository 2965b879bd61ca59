using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Crash.Ends;
using Rx.IotLink.Testing.Tcp;

namespace Crash;

/// <summary>
/// A server and its devices. Each is a process that is killed at random moments and started again with its files. A
/// proxy breaks their connections. In the end they live until all is accepted, and the tables are judged.
/// </summary>
internal sealed class CrashRun(CrashPlan plan)
{
    /// <summary>One life of so many is ended while it begins.</summary>
    private const int Early = 6;

    private static readonly TcpFaultMix Faults = new()
    {
        LeastPeace = TimeSpan.FromMilliseconds(50),
        MostPeace = TimeSpan.FromMilliseconds(1_000),
        ShortestStall = TimeSpan.FromMilliseconds(700),
        LongestStall = TimeSpan.FromMilliseconds(1_200),
        LongestAway = TimeSpan.FromMilliseconds(500),
    };

    private readonly int port = FreePort();
    private readonly IStopwatch lasting = DefaultScheduler.Instance.AsStopwatchProvider()!.StartStopwatch();
    private int serverKills;
    private int deviceKills;
    private int faults;

    /// <summary>How often the server was killed.</summary>
    public int ServerKills => serverKills;

    /// <summary>How often a device was.</summary>
    public int DeviceKills => deviceKills;

    /// <summary>How many faults the proxies did.</summary>
    public int FaultsDone => faults;

    /// <summary>Lives it, and judges: the lines to the server, and those to the devices.</summary>
    /// <exception cref="InvalidOperationException">A process ended by itself, or was too slow.</exception>
    public async Task<(Verdict ToServer, Verdict ToDevices)> RunAsync(CancellationToken cancellationToken)
    {
        foreach (var end in plan.Ids.Append("server"))
            Directory.CreateDirectory(EndProgram.FolderOf(plan.Folder, end));
        var proxies = plan.Ids.Select(_ => FaultProxy.Start(new IPEndPoint(IPAddress.Loopback, port))).ToArray();
        try
        {
            await KillAsync(proxies, cancellationToken);
            await DrainAsync(proxies, cancellationToken);
        }
        finally
        {
            foreach (var proxy in proxies)
                await proxy.DisposeAsync();
        }

        return Judge();
    }

    private async Task KillAsync(FaultProxy[] proxies, CancellationToken cancellationToken)
    {
        using var broken = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var breaking = proxies.Select((proxy, i) => FaultSchedule.Run(proxy, plan.Seed + i, Faults, DefaultScheduler.Instance)).Merge()
            .Subscribe(_ => Interlocked.Increment(ref faults), _ => { });
        Task[] all =
        [
            LivesAsync(new Random(plan.Seed), () => StartServer(drains: false), () => Interlocked.Increment(ref serverKills), broken.Token),
            .. plan.Ids.Select((id, i) => LivesAsync(
                new Random(plan.Seed + 1 + i), () => StartDevice(id, proxies[i], drains: false), () => Interlocked.Increment(ref deviceKills), broken.Token)),
        ];
        // One that fails ends the others.
        await foreach (var one in Task.WhenEach(all))
        {
            if (!one.IsCompletedSuccessfully)
                await broken.CancelAsync();
        }

        await Task.WhenAll(all);
    }

    private bool IsEnough => (serverKills >= plan.Kills && deviceKills >= plan.Kills && AllHaveWritten) || lasting.Elapsed >= plan.Length;

    /// <summary>
    /// Whether lines were stored both ways for each device. All lives so far may have been too short for that.
    /// </summary>
    private bool AllHaveWritten => plan.Ids.All(id => Has(EndProgram.FolderOf(plan.Folder, id), id) && Has(EndProgram.FolderOf(plan.Folder, "server"), id));

    private static bool Has(string folder, string id) => Sent.Read(EndProgram.NotesOf(folder, id)).Any();

    private async Task LivesAsync(Random random, Func<EndProcess> start, Action killed, CancellationToken cancellationToken)
    {
        var beginning = TimeSpan.FromMilliseconds(300);
        while (!IsEnough)
        {
            using var process = start();
            var began = DefaultScheduler.Instance.AsStopwatchProvider()!.StartStopwatch();
            if (random.Next(Early) == 0)
            {
                await WaitAsync(beginning * random.NextDouble(), cancellationToken);
            }
            else
            {
                await process.SaysAsync(EndProgram.Opened, 1, plan.Patience);
                beginning = began.Elapsed;
                // Squared: half of them in the first quarter.
                await WaitAsync((beginning * 3 > plan.LongestLife ? beginning * 3 : plan.LongestLife) * Math.Pow(random.NextDouble(), 2), cancellationToken);
            }

            await process.KillAsync();
            killed();
        }
    }

    private async Task DrainAsync(FaultProxy[] proxies, CancellationToken cancellationToken)
    {
        foreach (var proxy in proxies)
            proxy.Heal();
        cancellationToken.ThrowIfCancellationRequested();
        using var server = StartServer(drains: true);
        var devices = plan.Ids.Select((id, i) => StartDevice(id, proxies[i], drains: true)).ToArray();
        try
        {
            await Task.WhenAll([server.SaysAsync(EndProgram.Drained, plan.Devices, plan.Patience), .. devices.Select(device => device.SaysAsync(EndProgram.Drained, 1, plan.Patience))]);
            // What is accepted into an inbox gets into the table later.
            var waiting = DefaultScheduler.Instance.AsStopwatchProvider()!.StartStopwatch();
            while (plan.Taken == HowTaken.Fleet && Judge().ToServer.Lost > 0 && waiting.Elapsed < plan.Patience)
                await WaitAsync(TimeSpan.FromMilliseconds(200), cancellationToken);
        }
        finally
        {
            foreach (var device in devices)
                device.Dispose();
        }
    }

    private (Verdict ToServer, Verdict ToDevices) Judge()
    {
        var (toServer, toDevices) = (new Verdict(0, 0, 0, 0, 0, 0, 0), new Verdict(0, 0, 0, 0, 0, 0, 0));
        var server = EndProgram.FolderOf(plan.Folder, "server");
        using var atServer = Open(server);
        foreach (var id in plan.Ids)
        {
            var device = EndProgram.FolderOf(plan.Folder, id);
            using var atDevice = Open(device);
            toServer += Verdict.Of(Sent.Read(EndProgram.NotesOf(device, id)), atServer.Read(id));
            toDevices += Verdict.Of(Sent.Read(EndProgram.NotesOf(server, id)), atDevice.Read(id));
            toDevices = toDevices with { GivenAgain = toDevices.GivenAgain + Taking.GivenAgain(device) };
        }

        return (toServer with { GivenAgain = toServer.GivenAgain + Taking.GivenAgain(server) }, toDevices);
    }

    private Table Open(string folder) => Table.Open(Taking.FileOf(plan.Taken, folder), hasNames: plan.Taken == HowTaken.Names);

    private EndProcess StartServer(bool drains) =>
        EndProcess.Start([
            "server", EndProgram.FolderOf(plan.Folder, "server"), Text(port), .. plan.Ids, .. Flags(drains),
            .. plan.Postgres is { } database ? (string[])["--postgres", database, "--schema", plan.Schema] : [],
        ]);

    private EndProcess StartDevice(string id, FaultProxy proxy, bool drains) =>
        EndProcess.Start(["device", EndProgram.FolderOf(plan.Folder, id), Text(proxy.EndPoint.Port), id, .. Flags(drains)]);

    private string[] Flags(bool drains) => ["--take", plan.Taken.ToString(), .. drains ? (string[])["--drain"] : []];

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static Task<long> WaitAsync(TimeSpan time, CancellationToken cancellationToken) => Observable.Timer(time).ToTask(cancellationToken);

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
