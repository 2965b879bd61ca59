using System.Reactive.Concurrency;
using System.Reactive.Linq;
using Rx.IotLink;

namespace QuickStart;

/// <summary>What the server makes of its devices' lines: LINQ, since a fleet is nothing but streams.</summary>
internal sealed class Fleet
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan GoneAfter = TimeSpan.FromMilliseconds(1_500);
    private static readonly TimeSpan CommandEvery = TimeSpan.FromMilliseconds(100);

    /// <param name="links">Each device's link, once; outages do not end it.</param>
    /// <param name="stopwatch">Measures how long a line took.</param>
    /// <param name="scheduler">The clock of all windows.</param>
    public Fleet(IObservable<ILink> links, IStopwatch stopwatch, IScheduler scheduler)
    {
        // Every line of every device. Shared, so that all that follows is made of the same lines.
        Arrivals = (from link in links
                    from line in link.Lines
                    let reading = line.ToReading()
                    select new Arrival(link.Id, reading, stopwatch.Elapsed.TotalMilliseconds - reading.Ms))
                   .Publish().RefCount();

        // Each second of each device, and its averages. Seconds of an outage are empty; what was measured in them comes
        // in the next one.
        Windows = (from device in Arrivals.GroupBy(arrival => arrival.Device)
                   from window in device.Buffer(Second, scheduler)
                   where window.Count > 0
                   select new Window(device.Key, window.Count, window.Average(arrival => arrival.Reading.Value), window.Average(arrival => arrival.Delay)))
                  .Publish().RefCount();

        // Each second of the whole fleet: how long its lines took. An outage makes them late, and nothing worse.
        Delay = from window in Arrivals.Buffer(Second, scheduler)
                where window.Count > 0
                select window.Average(arrival => arrival.Delay);

        // A device is gone when it was down for longer than a while; a shorter outage is nobody's business.
        Gone = from link in links
               from gone in link.State
                   .Select(state => state.IsUp ? Observable.Return(false) : Observable.Timer(GoneAfter, scheduler).Select(_ => true))
                   .Switch()
                   .DistinctUntilChanged()
                   .SkipWhile(gone => !gone)
               select new Alarm(link.Id, gone);

        // The other way: the lamp of a device is lit while its lines take longer than those of the fleet. It is
        // written again and again, whether the device is up or not: the link keeps it until the device has it.
        Lamps = from link in links
                let isLate = Windows.Where(window => window.Device == link.Id).WithLatestFrom(Delay, (window, fleet) => window.Delay > fleet)
                from lit in Observable.Interval(CommandEvery, scheduler).WithLatestFrom(isLate.StartWith(false), (_, lit) => lit)
                select new Lamp(link, lit);
    }

    public IObservable<Arrival> Arrivals { get; }

    public IObservable<Window> Windows { get; }

    /// <summary>Milliseconds from a measurement until the server had it, on average.</summary>
    public IObservable<double> Delay { get; }

    public IObservable<Alarm> Gone { get; }

    public IObservable<Lamp> Lamps { get; }
}

/// <summary>A reading that has arrived, and how many milliseconds it took.</summary>
internal sealed record Arrival(string Device, Reading Reading, double Delay);

/// <summary>A second of one device.</summary>
internal sealed record Window(string Device, int Lines, double Value, double Delay);

/// <summary>A device is gone, or is back.</summary>
internal sealed record Alarm(string Device, bool IsGone);

/// <summary>What the lamp of a device shall be.</summary>
internal sealed record Lamp(ILink Link, bool IsLit);
