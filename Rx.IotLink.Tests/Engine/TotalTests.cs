using NUnit.Framework;
using Rx.IotLink.Protocol;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol.Garbage;

namespace Rx.IotLink.Tests.Engine;

/// <summary>
/// The engine is total: every input in every state that can be reached gives effects, and no exception. The states
/// are found, not listed: from the first one, and from one whose outbox is full, each input leads to others, until
/// none leads to a new one.
/// </summary>
[Parallelizable(ParallelScope.All)]
public sealed class TotalTests
{
    /// <summary>More states than there are: the search has an end, and fails if it finds so many.</summary>
    private const int MostStates = 20_000;

    /// <summary>Either version leads to the states of the other: a connection may speak it.</summary>
    private static IEnumerable<World> Worlds => World.All.Where(world => world.Version == 2);

    [TestCaseSource(nameof(Worlds))]
    public void Every_input_in_every_state_gives_effects_and_no_exception(World world)
    {
        var inputs = Happening.All;
        var found = new Dictionary<State, Happening[]> { [State.Of(new EngineEnd(world), world)] = [] };
        var write = inputs.First(input => input.Name == "writes a line");
        var full = new[] { write, write, write, write };
        found.TryAdd(Live(world, full), full);
        var unexplored = new Queue<Happening[]>(found.Values);
        var steps = 0L;
        while (unexplored.TryDequeue(out var path))
        {
            foreach (var input in inputs)
            {
                var state = Live(world, [.. path, input]);
                steps++;
                if (found.TryAdd(state, [.. path, input]))
                    unexplored.Enqueue([.. path, input]);
            }

            Assert.That(found, Has.Count.LessThan(MostStates), "the states are distinguished by what is finite");
        }

        TestContext.Out.WriteLine($"{found.Count} states, {inputs.Count} inputs in each: {steps} steps; the longest path has {found.Values.Max(p => p.Length)} inputs");
        Assert.That(
            found.Keys.Select(s => $"{s.Version} {s.Phase}").Distinct(),
            Is.SupersetOf(Phases(world)),
            "each phase in which a connection can be between two inputs is reached");
        Assert.That(found.Keys.Select(s => s.Status).Distinct(), Is.EquivalentTo(Enum.GetValues<LinkStatus>()));
        Assert.That(found.Keys.Select(s => s.OnTheWay).Max(), Is.EqualTo(Most(world)), "lines are on their way in some");
        Assert.That(found.Keys.Any(s => s.InStoreAlone > 0 && s.IsLoading), Is.EqualTo(world.IsKept), "lines are in the store alone");
        Assert.That(found.Keys.Any(s => s.IsSending) && found.Keys.Any(s => s.Waiting > 0) && found.Keys.Any(s => s.StoreFails));
    }

    private static State Live(World world, Happening[] path)
    {
        var end = new EngineEnd(world);
        try
        {
            foreach (var happening in path)
            {
                end.IsChecked = happening == path[^1];
                Happening.Happen(happening, end);
            }
        }
        catch (Exception exception)
        {
            Assert.Fail($"{world}: {string.Join(" | ", path.Select(p => p.Name))}: {exception}");
        }

        return State.Of(end, world);
    }

    /// <summary>How far lines are counted. With a store there are many more states: "none, some" must do.</summary>
    private static int Most(World world) => world.IsKept ? 1 : 2;

    /// <summary>
    /// Whether keys and ends of lines distinguish states. There are three to five times as many then: for one world, or
    /// for all if more is wanted.
    /// </summary>
    private static bool TellsLimits(World world) => Cases.Times > 1 || world is { Side: Side.Client, IsKept: false, HasKey: false };

    private static IEnumerable<string> Phases(World world)
    {
        string[] one = world.Side == Side.Client ? ["Greeting", "Open"] : ["Greeting", "Settling", "Open"];
        string[] two = world.HasKey ? ["Greeting", "Proving", "Open"] : world.Side == Side.Client ? ["Greeting", "Open"] : ["Open"];
        return [.. one.Append("Disconnected").Where(_ => !world.HasKey).Select(p => $"1 {p}"), .. two.Append("Disconnected").Select(p => $"2 {p}")];
    }

    /// <summary>What distinguishes states, with numbers only as far as "none, one, several", or "none, some".</summary>
    private sealed record State(int Version, string Phase, LinkStatus Status, bool IsConnected, bool IsSending, bool StoreFails, bool HasFault, int Outbox, int OnTheWay, int DoneOnTheWay, int Waiting, bool IsSaving, bool Wakes, int InStoreAlone, bool IsLoading, bool HasEnds, bool HasKeys, bool IsSuperseded, bool HasGivenUp)
    {
        public static State Of(EngineEnd end, World world) => Of(end, Most(world), TellsLimits(world));

        private static State Of(EngineEnd end, int most, bool tellsLimits) => new(
            end.Engine.Version,
            Inside.PhaseOf(end.Engine),
            end.Engine.Status,
            end.IsConnected,
            end.IsSending,
            end.Engine.StoreFails,
            end.Engine.StoreFault is not null,
            Math.Min(Inside.OutboxOf(end.Engine).Count, most),
            Math.Min(Inside.HolderOf(end.Engine).Unfinished.Count(), most),
            Math.Min(Inside.HolderOf(end.Engine).Unfinished.Count(line => line.Outcome is not null), most),
            Math.Min(Inside.ProtocolOf(end.Engine).Waiting, most),
            end.Kept < end.Records.Count,
            end.WakeAt is not null,
            Math.Min(end.InStoreAlone, most),
            end.Load is not null,
            tellsLimits && Inside.OutboxOf(end.Engine).All.Any(line => line.HasOwnEnd),
            tellsLimits && Inside.OutboxOf(end.Engine) is { HasLimits: true, Limits.Keys.Count: > 0 },
            tellsLimits && Inside.HolderOf(end.Engine).Unfinished.Any(line => line.IsSuperseded),
            end.HasGivenUp);
    }
}
