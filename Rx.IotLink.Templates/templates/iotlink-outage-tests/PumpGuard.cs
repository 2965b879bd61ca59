using System.Reactive.Concurrency;
using System.Reactive.Linq;
using Rx.IotLink;
using Rx.IotLink.Server;

namespace OutageTests1;

/// <summary>
/// The application under test: it closes the valve of the pump when the tank has sent no level for too long. Put your
/// own here, or refer to its project. Its timers run on the clock that it is given.
/// </summary>
public static class PumpGuard
{
    public static IDisposable Run(IotLinkServer server, TimeSpan patience, IScheduler clock) =>
        server.Links.Where(link => link.Id == "tank")
            .SelectMany(tank => tank.Lines.StartWith("").Throttle(patience, clock))
            .SelectMany(_ => server.Links.Where(link => link.Id == "pump").Take(1)) // waits for one that has never come
            .SelectMany(pump => pump.Write("close"))
            .Subscribe();
}
