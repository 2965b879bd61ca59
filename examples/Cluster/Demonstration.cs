using System.Net;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Examples.Common;
using Npgsql;

namespace Examples.Cluster;

/// <summary>The first process: it has the devices and the faults, and counts.</summary>
internal static class Demonstration
{
    // A connection that a pool holds does not know that the database was killed meanwhile.
    private const string Unpooled = ";Pooling=false";

    public static async Task<int> RunAsync(TimeSpan length, int deviceCount, string? given, bool cutsOff, CancellationToken cancellation)
    {
        if (cutsOff && Network.Missing is { } missing)
        {
            await Console.Error.WriteLineAsync(missing);
            return 2;
        }

        await using var own = given is null ? await Postgres.TryStartAsync(cutsOff, cancellation) : null;
        if ((given ?? own?.ConnectionString) is not { } database)
        {
            await Console.Error.WriteLineAsync("PostgreSQL is not on this machine: 'apt-get install postgresql' installs it on Debian and Ubuntu, and compose.yaml says how a container does.");
            return 2;
        }

        await ExecuteAsync(database, ApplicationProcess.Table, cancellation);
        await using var network = new Network();
        if (cutsOff)
            await network.MakeAsync(servers: 2, cancellation);
        IPEndPoint[] addresses = [.. Enumerable.Range(0, 2).Select(n => new IPEndPoint(cutsOff ? Network.Devices(n) : IPAddress.Loopback, Postgres.FreePort()))];
        await using var serverOne = Server(0, "one");
        await using var serverTwo = Server(1, "two");
        await using var applicationOne = new Worker([], database, "application", "one");
        await using var applicationTwo = new Worker([], database, "application", "two");
        Worker Server(int n, string name) => cutsOff
            ? new(Network.Run(n), own!.At(Network.Database(n)), "server", name, $"{addresses[n]}")
            : new([], database, "server", name, $"{addresses[n]}");

        // The first one makes the tables.
        await serverOne.StartAsync(cancellation);
        await Task.WhenAll(serverTwo.StartAsync(cancellation), applicationOne.StartAsync(cancellation), applicationTwo.StartAsync(cancellation));

        await using var balancer = new Balancer(addresses, new Random(1));
        var devices = Enumerable.Range(0, deviceCount).Select(n => new Device($"device-{n:000}", balancer.Port)).ToArray();
        Console.WriteLine($"{deviceCount} devices, two servers, an application of two processes; {length.TotalSeconds} s of faults.");
        var writes = new List<Task>();
        using (Observable.Interval(Times.CutEvery).Subscribe(_ => balancer.Cut(Math.Max(1, deviceCount / 20))))
        using (Observable.Interval(Times.MeasureEvery).Subscribe(_ => writes.AddRange(devices.Select(device => device.MeasureAsync()))))
        {
            await new Faults(own, cutsOff, serverOne, serverTwo, applicationOne, applicationTwo).RunAsync(length, cancellation);
        }

        Console.WriteLine($"The faults are over ({balancer.Cuts} cuts, {devices.Sum(device => device.Outages)} outages); what is on its way arrives now.");
        var took = DefaultScheduler.Instance.StartStopwatch();
        await DrainAsync(database, devices, writes, took, cancellation);
        var had = await HadAsync(database, cancellation);
        foreach (var device in devices)
        {
            foreach (var number in had[device.Id])
                device.ToApplication.Receive(number);
        }

        var (up, down) = (Total(devices.Select(device => device.ToApplication)), Total(devices.Select(device => device.ToDevice)));
        Console.WriteLine($"the longest time a device had no server: {devices.Max(device => device.LongestOutage).TotalSeconds:0.0} s");
        Console.WriteLine($"to the application: {up}");
        Console.WriteLine($"to the devices:     {down}");
        foreach (var device in devices)
            await device.DisposeAsync();
        return up.IsFlawless && down.IsFlawless ? 0 : 1;
    }

    /// <summary>Waits until all is there, or nothing more comes.</summary>
    private static async Task DrainAsync(string database, Device[] devices, List<Task> writes, IStopwatch took, CancellationToken cancellation)
    {
        var written = devices.Sum(device => device.ToApplication.Sum().Written);
        var (before, since) = (0L, TimeSpan.Zero);
        while (took.Elapsed - since < Times.Drain)
        {
            await Observable.Timer(Times.CutEvery).ToTask(cancellation);
            var (had, answered) = (await CountAsync(database, cancellation), devices.Sum(device => device.ToDevice.Sum().Received));
            if (writes.TrueForAll(write => write.IsCompleted) && had == written && answered == written)
                break;
            if (had + answered > before)
                (before, since) = (had + answered, took.Elapsed);
        }

        Console.WriteLine($"{took.Elapsed.TotalSeconds:0.0} s after the last fault.");
    }

    private static Sum Total(IEnumerable<Tally> tallies) => tallies.Select(tally => tally.Sum()).Aggregate((a, b) => new(
        a.Written + b.Written, a.Accepted + b.Accepted, a.Received + b.Received, a.Lost + b.Lost, a.Repeated + b.Repeated, a.OutOfOrder + b.OutOfOrder, a.Unknown + b.Unknown));

    private static async Task ExecuteAsync(string database, string sql, CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(database + Unpooled);
        await connection.OpenAsync(cancellation);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private static async Task<long> CountAsync(string database, CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(database + Unpooled);
        await connection.OpenAsync(cancellation);
        await using var command = new NpgsqlCommand("SELECT count(*) FROM had", connection);
        return (long)(await command.ExecuteScalarAsync(cancellation))!;
    }

    private static async Task<ILookup<string, long>> HadAsync(string database, CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(database + Unpooled);
        await connection.OpenAsync(cancellation);
        await using var command = new NpgsqlCommand("SELECT device, number FROM had ORDER BY place", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var all = new List<(string Device, long Number)>();
        while (await reader.ReadAsync(cancellation))
            all.Add((reader.GetString(0), reader.GetInt64(1)));
        return all.ToLookup(one => one.Device, one => one.Number, StringComparer.Ordinal);
    }
}
