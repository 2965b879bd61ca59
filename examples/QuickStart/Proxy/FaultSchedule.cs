using System.Reactive.Concurrency;
using System.Reactive.Linq;

namespace QuickStart.Proxy;

/// <summary>When faults come and how long they last.</summary>
public sealed record FaultMix
{
    /// <summary>A connection is left in peace at least this long before the next fault.</summary>
    public TimeSpan LeastPeace { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>A connection is left in peace at most this long before the next fault.</summary>
    public TimeSpan MostPeace { get; init; } = TimeSpan.FromMilliseconds(1_800);

    /// <summary>The shortest stall. Longer than the patience of both ends, or they do not notice it.</summary>
    public TimeSpan ShortestStall { get; init; } = TimeSpan.FromMilliseconds(1_500);

    /// <summary>The longest stall.</summary>
    public TimeSpan LongestStall { get; init; } = TimeSpan.FromMilliseconds(2_500);

    /// <summary>The longest that new connections are refused.</summary>
    public TimeSpan LongestAway { get; init; } = TimeSpan.FromMilliseconds(2_500);
}

/// <summary>Faults that come now and then, the same ones in the same order for the same seed.</summary>
public static class FaultSchedule
{
    /// <summary>
    /// Does faults while it is subscribed, for ever: each one when a connection has been healthy for a while, so that every fault has its own outage.
    /// </summary>
    public static IObservable<FaultRecord> Run(FaultProxy proxy, int seed, FaultMix mix, IScheduler scheduler) =>
        Plan(seed, mix)
            .Select(step => proxy.Healthy
                .Where(healthy => healthy)
                .Take(1)
                .Delay(step.Peace, scheduler)
                .SelectMany(_ => proxy.Do(step.Fault) is { } done ? Observable.Return(done) : Observable.Empty<FaultRecord>()))
            .Concat();

    /// <summary>The faults of a seed, without end. They are dealt like cards, so that each kind comes once in seven.</summary>
    public static IEnumerable<(TimeSpan Peace, Fault Fault)> Plan(int seed, FaultMix mix)
    {
        var random = new Random(seed);
        while (true)
        {
            Fault[] deck =
            [
                new Kill(),
                new Reset(),
                new Away(Between(mix.LeastPeace, mix.LongestAway)),
                new Stall(Between(mix.ShortestStall, mix.LongestStall)),
                new StallOneWay(Way.ToServer, Between(mix.ShortestStall, mix.LongestStall)),
                new StallOneWay(Way.ToClient, Between(mix.ShortestStall, mix.LongestStall)),
                new Slow(Between(mix.LeastPeace, mix.MostPeace), random.Next(1, 8), Between(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(5))),
            ];
            random.Shuffle(deck);
            foreach (var fault in deck)
                yield return (Between(mix.LeastPeace, mix.MostPeace), fault);
        }

        TimeSpan Between(TimeSpan least, TimeSpan most) => least + ((most - least) * random.NextDouble());
    }
}
