using System.Reactive.Concurrency;
using System.Reactive.Linq;

namespace Rx.IotLink.Testing.Tcp;

/// <summary>A random sequence of faults, which is the same for the same seed.</summary>
public static class FaultSchedule
{
    /// <summary>
    /// Does faults while it is subscribed, without end. Each fault affects the latest connection, when that has been
    /// healthy for some time, so that every fault has its own outage.
    /// </summary>
    /// <param name="proxy">The proxy. Unsubscribe before it is closed.</param>
    /// <param name="seed">Decides the faults and their times.</param>
    /// <param name="mix">The bounds of their times.</param>
    /// <param name="scheduler">Measures the time between them.</param>
    /// <returns>The records of the faults.</returns>
    public static IObservable<FaultRecord> Run(FaultProxy proxy, int seed, TcpFaultMix mix, IScheduler scheduler) =>
        Plan(seed, mix)
            .Select(step => proxy.Healthy
                .Where(healthy => healthy)
                .Take(1)
                // Delay would hold a thread while it waits.
                .SelectMany(_ => Observable.Timer(step.Peace, scheduler))
                .SelectMany(_ => proxy.DoToLatest(step.Fault) is { } done ? Observable.Return(done) : Observable.Empty<FaultRecord>()))
            .Concat();

    /// <summary>
    /// The faults of a seed, without end. Of every eight faults each is of another kind, in random order.
    /// </summary>
    public static IEnumerable<(TimeSpan Peace, TcpFault Fault)> Plan(int seed, TcpFaultMix mix)
    {
        var random = new Random(seed);
        while (true)
        {
            TcpFault[] deck =
            [
                new TcpFault.Kill(),
                new TcpFault.Kill(Reset: true),
                new TcpFault.Kill(Reset: random.Next(2) == 0) { LostTail = Between(mix.LongestTail / 10, mix.LongestTail) },
                new TcpFault.Away { Lasting = Between(mix.LeastPeace, mix.LongestAway) },
                new TcpFault.Stall { Lasting = Between(mix.ShortestStall, mix.LongestStall) },
                new TcpFault.Stall(StallDirection.Up) { Lasting = Between(mix.ShortestStall, mix.LongestStall) },
                new TcpFault.Stall(StallDirection.Down) { Lasting = Between(mix.ShortestStall, mix.LongestStall) },
                new TcpFault.Slice(random.Next(1, 8), Between(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(5))) { Lasting = Between(mix.LeastPeace, mix.MostPeace) },
            ];
            random.Shuffle(deck);
            foreach (var fault in deck)
                yield return (Between(mix.LeastPeace, mix.MostPeace), fault);
        }

        TimeSpan Between(TimeSpan least, TimeSpan most) => least + ((most - least) * random.NextDouble());
    }
}
