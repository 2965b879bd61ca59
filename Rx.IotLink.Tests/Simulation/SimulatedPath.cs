using System.IO.Pipelines;
using System.Net;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Tests.Simulation;

/// <summary>
/// The way from one client to a server in virtual time, and all that can go wrong on it. The client, the server, their protocol and their
/// clocks on top of it are the real ones.
/// </summary>
internal sealed class SimulatedPath(IScheduler scheduler, Func<IConnection, Task> server, PathOptions options, int seed) : ITransport
{
    private readonly Random random = new(seed);
    private (Wire Up, Wire Down)? wires;
    private bool stalledUp;
    private bool stalledDown;

    /// <summary>While true, connections are refused at once.</summary>
    public bool Refuses { get; set; }

    /// <summary>The next connection breaks after so many bytes in this direction.</summary>
    public (bool Up, int Bytes)? NextBreak { get; set; }

    /// <summary>Whether a connection broke so.</summary>
    public bool Broke { get; private set; }

    /// <summary>When connections were asked for.</summary>
    public List<DateTimeOffset> Attempts { get; } = [];

    public IObservable<IConnection> Connect() => Observable.Create<IConnection>(observer =>
    {
        Attempts.Add(scheduler.Now);
        // The handshake takes a round trip; on a stalled path it never ends.
        return scheduler.Schedule(2 * options.Latency, () =>
        {
            if (Refuses)
            {
                observer.OnError(new IOException("the simulated server refuses connections"));
            }
            else if (!stalledUp && !stalledDown)
            {
                observer.OnNext(Join());
                observer.OnCompleted();
            }
        });
    });

    /// <summary>Nothing goes through in the given directions (half-open: nobody is told).</summary>
    public void Stall(bool up, bool down)
    {
        (stalledUp, stalledDown) = (up, down);
        wires?.Up.Stall(up);
        wires?.Down.Stall(down);
    }

    /// <summary>Breaks the connection: what is on its way is lost, both ends are told.</summary>
    public void Kill(bool reset)
    {
        var error = reset ? new IOException("reset by the simulated network") : null;
        wires?.Up.Cut(error);
        wires?.Down.Cut(error);
        wires = null;
    }

    private SimulatedConnection Join()
    {
        var (up, down) = (new Wire(scheduler, options, random), new Wire(scheduler, options, random));
        wires = (up, down);
        if (NextBreak is { } next)
        {
            (next.Up ? up : down).BreakAfter(next.Bytes, () =>
            {
                Broke = true;
                Kill(reset: false);
            });
        }

        NextBreak = null;
        _ = server(new SimulatedConnection(up.Reader, down.Writer));
        return new SimulatedConnection(down.Reader, up.Writer);
    }
}

/// <summary>One end of a simulated connection.</summary>
internal sealed class SimulatedConnection(PipeReader input, PipeWriter output) : IConnection
{
    public PipeReader Input => input;

    public PipeWriter Output => output;

    public EndPoint? RemoteEndPoint => null;

    public void Dispose()
    {
        input.CancelPendingRead();
        output.Complete();
    }
}
