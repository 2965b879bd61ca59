using System.Reactive.Linq;
using Examples.Common;
using Rx.IotLink;
using Rx.IotLink.Server;

namespace Examples.Fleet;

/// <summary>
/// The object on the server that one device belongs to. There is one of it for each, and none knows of the others.
/// </summary>
internal sealed class Application(string id, Voice voice) : IDisposable
{
    private IDisposable? _reading;

    /// <summary>Reports that have arrived.</summary>
    public int Reports { get; private set; }

    /// <summary>
    /// Reports that are missing between those that have arrived: none, whatever happens to the connections.
    /// </summary>
    public int Missing { get; private set; }

    /// <summary>Waits for the device's first connection, then talks to it for good.</summary>
    public async Task StartAsync(IotLinkServer server)
    {
        var device = await server.WaitForAsync(id);
        voice.Say($"app {id}", "its device is there");
        var expected = 0;
        _reading = device.Lines
            .FromJson<Report>(onBadLine: (line, _) => voice.Say($"app {id}", $"its device says '{line}'"))
            .Do(report =>
            {
                Missing += report.N - expected;
                expected = report.N + 1;
                Reports++;
            })
            // The lamp shows which reports have arrived: lit for every other one.
            .Select(report => new Order(report.N % 2 == 0, Reports).ToJson())
            .Subscribe(device.Writer);
    }

    public void Dispose() => _reading?.Dispose();
}
