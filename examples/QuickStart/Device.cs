using System.Net;
using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using QuickStart.Machine;
using Rx.IotLink;

namespace QuickStart;

/// <summary>
/// A device: it measures, sends its readings, and obeys commands. No code here knows about outages.
/// </summary>
internal sealed class Device : IAsyncDisposable
{
    private readonly IotLinkClient _link;
    private readonly IDisposable _reading;

    /// <param name="sensor">What it measures; its name is the device's id.</param>
    /// <param name="server">Where it finds the server, or what it takes for the server.</param>
    /// <param name="books">Where its lines are written down.</param>
    /// <param name="protocol">The version of the wire protocol.</param>
    /// <param name="key">The secret it shares with the server, or null (protocol 1 has none).</param>
    /// <param name="over">When to stop measuring.</param>
    /// <param name="stopwatch">The time of each reading.</param>
    /// <param name="scheduler">The clock of its measurements.</param>
    public Device(Sensor sensor, IPEndPoint server, Books books, int protocol, ReadOnlyMemory<byte>? key, IObservable<Unit> over, IStopwatch stopwatch, IScheduler scheduler)
    {
        Sensor = sensor;
        var (toServer, toDevice) = (books.ToServer[sensor.Name], books.ToDevice[sensor.Name]);
        _link = IotLinkClient.Start(new IotLinkClientOptions
        {
            Host = server.Address.ToString(),
            Port = server.Port,
            Id = sensor.Name,
            Timeout = Demo.Timeout,
            BackOff = Demo.BackOff,
            Protocol = protocol,
            Key = key,
        });

        _reading = _link.Lines
            .Select(line => line.ToCommand())
            .Subscribe(command =>
            {
                toDevice.Received(command.N);
                Led = command.Led;
            });

        Written = Observable.Interval(Demo.MeasureEvery, scheduler)
            .TakeUntil(over)
            .Select(_ => new Reading(toServer.Write(), stopwatch.Elapsed.TotalMilliseconds, sensor.Measure()))
            .SelectMany(reading => _link.Write(reading.ToLine()).Do(_ => toServer.Accepted(reading.N)))
            .LastOrDefaultAsync()
            .ToTask();
    }

    public Sensor Sensor { get; }

    public ILink Link => _link;

    /// <summary>Whether its lamp is lit.</summary>
    public bool Led { get; private set; }

    /// <summary>Completes when it measures no more and the server has accepted every reading.</summary>
    public Task Written { get; }

    public ValueTask DisposeAsync()
    {
        _reading.Dispose();
        return _link.DisposeAsync();
    }
}
