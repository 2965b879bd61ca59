using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;

namespace Examples.Cluster;

/// <summary>Kills and stops one process after the other, and starts it again.</summary>
internal sealed class Faults(Postgres? postgres, Worker serverOne, Worker serverTwo, Worker applicationOne, Worker applicationTwo)
{
    private readonly IStopwatch clock = DefaultScheduler.Instance.StartStopwatch();

    public async Task RunAsync(TimeSpan length, CancellationToken cancellation)
    {
        // Each fault lasts for half of its share of the time.
        var half = length / 12;
        for (var n = 0; clock.Elapsed + half + half <= length; n++)
        {
            await WaitAsync(half, cancellation);
            await ((n % 6) switch
            {
                0 => KillAsync(applicationOne, half, cancellation),
                1 => KillAsync(serverOne, half, cancellation),
                2 => StopAsync(applicationTwo, half, cancellation),
                3 => StopAsync(serverTwo, half, cancellation),
                4 => KillDatabaseAsync(half, cancellation),
                _ => KillAsync(serverTwo, half, cancellation),
            });
        }

        await WaitAsync(half, cancellation);
    }

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
