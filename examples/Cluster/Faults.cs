using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;

namespace Examples.Cluster;

/// <summary>Kills and stops one process after the other, and starts it again.</summary>
internal sealed class Faults(Postgres? postgres, bool cutsOff, Worker serverOne, Worker serverTwo, Worker applicationOne, Worker applicationTwo)
{
    private readonly IStopwatch clock = DefaultScheduler.Instance.StartStopwatch();

    public async Task RunAsync(TimeSpan length, CancellationToken cancellation)
    {
        // Each fault lasts for half of its share of the time.
        Func<TimeSpan, Task>[] faults =
        [
            .. cutsOff ? Cuts(cancellation) : [],
            time => KillAsync(applicationOne, time, cancellation),
            time => KillAsync(serverOne, time, cancellation),
            time => StopAsync(applicationTwo, time, cancellation),
            time => StopAsync(serverTwo, time, cancellation),
            time => KillDatabaseAsync(time, cancellation),
            time => KillAsync(serverTwo, time, cancellation),
        ];
        var half = length / (2 * faults.Length);
        for (var n = 0; clock.Elapsed + half + half <= length; n++)
        {
            await WaitAsync(half, cancellation);
            await faults[n % faults.Length](half);
        }

        await WaitAsync(half, cancellation);
    }

    private Func<TimeSpan, Task>[] Cuts(CancellationToken cancellation) =>
    [
        time => CutOffAsync(serverOne, 0, Cable.Database, time, cancellation),
        time => CutOffAsync(serverTwo, 1, Cable.Devices, time, cancellation),
    ];

    private async Task KillAsync(Worker worker, TimeSpan time, CancellationToken cancellation)
    {
        Say($"{worker.Name} is killed");
        await worker.KillAsync(cancellation);
        await WaitAsync(time, cancellation);
        await worker.StartAsync(cancellation);
        Say($"{worker.Name} works again");
    }

    private async Task StopAsync(Worker worker, TimeSpan time, CancellationToken cancellation)
    {
        Say($"{worker.Name} is stopped");
        await worker.SignalAsync("STOP", cancellation);
        await WaitAsync(time + Times.Lease, cancellation);
        await worker.SignalAsync("CONT", cancellation);
        Say($"{worker.Name} goes on, and learns what it has lost");
    }

    private async Task CutOffAsync(Worker worker, int server, Cable cable, TimeSpan time, CancellationToken cancellation)
    {
        var from = cable == Cable.Database ? "database" : "devices";
        Say($"{worker.Name} is cut off from the {from}");
        await Network.PullOutAsync(server, cable, cancellation);
        await WaitAsync(time, cancellation);
        await Network.PutInAsync(server, cable, cancellation);
        Say($"{worker.Name} has its {from} again");
    }

    private async Task KillDatabaseAsync(TimeSpan time, CancellationToken cancellation)
    {
        if (postgres is null)
            return;
        Say("PostgreSQL is killed");
        await postgres.KillAsync(cancellation);
        await WaitAsync(time, cancellation);
        await postgres.RunAsync(cancellation);
        Say("PostgreSQL works again");
    }

    private void Say(string what) => Console.WriteLine($"{clock.Elapsed.TotalSeconds,6:0.0} s  {what}");

    private static async Task WaitAsync(TimeSpan time, CancellationToken cancellation) => await Observable.Timer(time).ToTask(cancellation);
}
