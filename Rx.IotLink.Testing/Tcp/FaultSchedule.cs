using System.Reactive.Concurrency;
using System.Reactive.Linq;

namespace Rx.IotLink.Testing.Tcp;

/// <summary>Faults that come now and then, the same ones in the same order for the same seed.</summary>
public static class FaultSchedule
{
    /// <summary>
    /// Does faults while it is subscribed, for ever: each one to the latest connection, when that has been healthy for
    /// a while, so that every fault has its own outage.
    /// </summary>
    /// <param name="proxy">The proxy that does them. Unsubscribe before it is closed.</param>
    /// <param name="seed">Which faults, and how long.</param>
    /// <param name="mix">The bounds of their times.</param>
    /// <param name="scheduler">Measures the peace between them.</param>
    /// <returns>The records of what was done.</returns>
    public static IObservable<FaultRecord> Run(FaultProxy proxy, int seed, TcpFaultMix mix, IScheduler scheduler) =>
        Plan(seed, mix)
            .Select(step => proxy.Healthy
                .Where(healthy => healthy)
                .Take(1)
                // Not Delay, which holds a thread for as long as it waits.
                .SelectMany(_ => Observable.Timer(step.Peace, scheduler))
                .SelectMany(_ => proxy.DoToLatest(step.Fault) is { } done ? Observable.Return(done) : Observable.Empty<FaultRecord>()))
            .Concat();

    /// <summary>
    /// The faults of a seed, without end. They are dealt like cards, so that each of the eight kinds comes once in
    /// eight.
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
