using System.Net;
using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Reactive.Threading.Tasks;
using Rx.IotLink;
using Rx.IotLink.Testing;
using TcpSoak.Lines;
using TcpSoak.Memory;

namespace TcpSoak.Ends;

/// <summary>
/// Real clients and a real server over loopback, each link through a proxy that breaks it again and again, with lines
/// both ways all the time.
/// </summary>
internal static class SoakRun
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// Runs until there were outages enough, the time is up or it is cancelled; then heals all, waits for the last
    /// lines, and judges.
    /// </summary>
    public static async Task<Outcome> RunAsync(SoakPlan plan, IObserver<SoakProgress> progress, CancellationToken cancellation)
    {
        var before = Descriptors.Sockets();
        var outcome = await RunAndCloseAsync(plan, progress, cancellation);
        return outcome with { SocketsLeft = Descriptors.Sockets() - before };
    }

    private static async Task<Outcome> RunAndCloseAsync(SoakPlan plan, IObserver<SoakProgress> progress, CancellationToken cancellation)
    {
        var scheduler = DefaultScheduler.Instance;
        var stopwatch = scheduler.StartStopwatch();
        var ids = Ids.Of(plan.Links);
        var keys = plan.Keys ? DeviceKeys.Parse(ids.Select(id => $"{id} {DeviceKeys.NewKey()}")) : null;
        var lines = DeviceLines.Of(ids);
        var findings = new Findings(stopwatch);
        using var stop = new Subject<Unit>();
        await using var server = await ServerEnd.StartAsync(plan, new IPEndPoint(IPAddress.Loopback, 0), keys, lines, link => findings.Watch(link, isServer: true), stop);
        await using var places = new Places([.. ids.Select((id, at) => new Place(plan, id, (plan.Seed * 7_919) + at, server.EndPoint, keys?.Find(id), lines[id], findings, stop, stopwatch, scheduler))]);

        // What the runtime needs to get going is not held against the run.
        var warmUp = TimeSpan.FromTicks(Math.Min(plan.Length.Ticks / 10, TimeSpan.TicksPerMinute));
        var samples = new Samples(TimeSpan.FromTicks(Math.Max(TimeSpan.TicksPerSecond, plan.Length.Ticks / 100)), Sample.Take);
        await Observable.Interval(Tick, scheduler)
            .Select(_ => new SoakProgress(stopwatch.Elapsed, places.Outages, Sum(lines.Values.SelectMany(device => new[] { device.ToServer, device.ToDevice })).Received, stopwatch.Elapsed < warmUp ? null : samples.Next(stopwatch.Elapsed, () => places.Outages)))
            .Do(progress)
            .TakeUntil(now => cancellation.IsCancellationRequested || now.Outages >= plan.Outages || now.At >= plan.Length)
            .LastAsync()
            .ToTask(CancellationToken.None);
        progress.OnCompleted();

        var length = stopwatch.Elapsed;
        places.EndFaults();
        stop.OnNext(Unit.Default);
        var isDrained = await IsDrainedAsync([places.Written, server.Written], plan.Drain, scheduler);
        findings.Close();
        return new Outcome
        {
            Length = length,
            ToServer = Sum(lines.Values.Select(device => device.ToServer)),
            ToDevices = Sum(lines.Values.Select(device => device.ToDevice)),
            IsDrained = isDrained,
            OutagesAtDevices = places.Outages,
            OutagesAtServer = server.Outages,
            ProtocolErrors = places.ProtocolErrors + server.ProtocolErrors,
            Faults = findings.Kinds,
            Samples = samples.All,
            Trends = Trend.Of(samples.All),
        };
    }

    private static DeliveryVerdict Sum(IEnumerable<Direction> directions) => directions.Aggregate(new DeliveryVerdict(), (sum, direction) => sum + direction.Verdict);

    private static async Task<bool> IsDrainedAsync(IEnumerable<Task> writers, TimeSpan limit, IScheduler scheduler)
    {
        try
        {
            await Task.WhenAll(writers).ToObservable().Timeout(limit, scheduler);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }
}

/// <summary>How far a run is.</summary>
/// <param name="At">Since it began.</param>
/// <param name="Outages">Outages so far, as the devices count them.</param>
/// <param name="Lines">Lines received so far, both ways.</param>
/// <param name="Sample">A sample, if it was time for one.</param>
internal sealed record SoakProgress(TimeSpan At, long Outages, long Lines, Sample? Sample);
