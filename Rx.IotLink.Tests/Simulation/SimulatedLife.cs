using System.Globalization;
using System.Reactive.Concurrency;
using System.Reactive.Linq;

namespace Rx.IotLink.Tests.Simulation;

/// <summary>Traffic in both directions over one link, and faults of every kind, all from one seed; and what came of it.</summary>
internal sealed class SimulatedLife
{
    private static readonly TimeSpan MeanBetweenWrites = TimeSpan.FromSeconds(40);
    private static readonly TimeSpan MeanBetweenFaults = TimeSpan.FromMinutes(8);

    private readonly SimulatedLink link;
    private readonly Random random;
    private readonly List<string> history = [];
    private readonly HashSet<int> faultKinds = [];
    private TimeSpan end;

    public SimulatedLife(SimulatedLink link, int seed) => (this.link, random) = (link, new Random(seed));

    public Direction Up { get; } = new();

    public Direction Down { get; } = new();

    public int Outages { get; private set; }

    public int FaultKinds => faultKinds.Count;

    /// <summary>Everything that happened, each with its tick.</summary>
    public IReadOnlyList<string> History => history;

    public string Summary => $"{Outages} outages; up {Up.Written.Count} written, {Up.Received.Count} received, {Up.BestEffortReceived.Count}/{Up.BestEffortWritten.Count} best effort; " +
        $"down {Down.Written.Count} written, {Down.Received.Count} received, {Down.BestEffortReceived.Count}/{Down.BestEffortWritten.Count} best effort";

    public void Run(TimeSpan time)
    {
        end = time;
        Follow(link.Client, "client", received: Down);
        link.Server.Links.Subscribe(server =>
        {
            Follow(server, "server", received: Up);
            WriteLater(server, "server", Down);
        });
        WriteLater(link.Client, "client", Up);
        FaultLater();
        link.Run(time);
        // After the last fault, everything drains within a stated time.
        link.Run(TimeSpan.FromMinutes(3));
    }

    private void Follow(ILink to, string name, Direction received)
    {
        to.Lines.Subscribe(line =>
        {
            Note($"{name} received {line}");
            received.Receive(line);
        });
        to.State.Subscribe(state =>
        {
            Note($"{name} {state.Status}");
            Outages += state.Status == LinkStatus.Down ? 1 : 0;
        });
    }

    private void WriteLater(ILink from, string name, Direction direction) => Later(MeanBetweenWrites, () =>
    {
        // Now and then several at once, so that lines wait for each other.
        for (var left = random.Next(8) == 0 ? random.Next(2, 30) : 1; left > 0; left--)
        {
            if (random.Next(10) == 0)
            {
                from.Write(direction.NextBestEffort(), Delivery.BestEffort).Subscribe();
                continue;
            }

            var number = direction.Next();
            from.Write(number.ToString(CultureInfo.InvariantCulture)).Subscribe(_ =>
            {
                Note($"{name} accepted {number}");
                direction.Accepted.Add(number);
            });
        }

        WriteLater(from, name, direction);
    });

    private void FaultLater() => Later(MeanBetweenFaults, () =>
    {
        var kind = random.Next(7);
        var duration = TimeSpan.FromMilliseconds(random.Next(50, 40_000));
        Note($"fault {kind} for {duration}");
        faultKinds.Add(kind);
        switch (kind)
        {
            case 0:
                link.Path.Kill(reset: false);
                break;
            case 1:
                link.Path.Kill(reset: true);
                break;
            case 2:
                Hold(duration, () => link.Path.Stall(up: true, down: true), () => link.Path.Stall(up: false, down: false));
                break;
            case 3:
                Hold(duration, () => link.Path.Stall(up: true, down: false), () => link.Path.Stall(up: false, down: false));
                break;
            case 4:
                Hold(duration, () => link.Path.Stall(up: false, down: true), () => link.Path.Stall(up: false, down: false));
                break;
            case 5:
                link.Path.Kill(reset: true);
                Hold(duration, () => link.Path.Refuses = true, () => link.Path.Refuses = false);
                break;
            case 6:
                // The connection breaks in the middle of a stall: all that was on its way is lost.
                Hold(duration, () => link.Path.Stall(up: true, down: true), () =>
                {
                    link.Path.Kill(reset: false);
                    link.Path.Stall(up: false, down: false);
                });
                break;
        }

        FaultLater();
    });

    private void Hold(TimeSpan duration, Action begin, Action stop)
    {
        begin();
        link.Scheduler.Schedule(duration, stop);
    }

    private void Later(TimeSpan mean, Action action)
    {
        var due = mean * (2 * random.NextDouble());
        if (Now + due < end)
            link.Scheduler.Schedule(due, action);
    }

    private TimeSpan Now => TimeSpan.FromTicks(link.Scheduler.Clock);

    private void Note(string what) => history.Add($"{link.Scheduler.Clock} {what}");
}
