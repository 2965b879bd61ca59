using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Model;

/// <summary>
/// Looks at every state that can be reached, the nearest first, so that the way to a broken promise is a shortest one.
/// </summary>
internal sealed class Search(Machine machine)
{
    private const int ChunkBits = 16;

    private readonly List<World[]> worlds = [];
    private readonly List<int> parents = [];
    private readonly List<Step> steps = [];
    private int[] places = new int[1 << 20];
    private int count;

    /// <summary>Looks at all states, at most so many.</summary>
    public Verdict Run(int mostStates = int.MaxValue)
    {
        var watch = Stopwatch.StartNew();
        _ = TryAdd(machine.Start(), parent: -1);
        long edges = 0;
        for (var at = 0; at < count; at++)
        {
            machine.Steps(World(at), steps);
            edges += steps.Count;
            foreach (var step in steps)
            {
                var next = machine.After(World(at), step);
                var isNew = TryAdd(Canonical(next), at);
                if (isNew && next.Broken != Promise.Kept)
                    return new(next.Broken, count, edges, watch.Elapsed, Trace(count - 1, []));
            }

            if (count > mostStates)
                throw new InvalidOperationException($"There are more than {mostStates} states: make the scope smaller, or the limit greater.");
        }

        var (broken, trace) = SettleAll();
        return new(broken, count, edges, watch.Elapsed, trace);
    }

    /// <summary>From each state the steps without faults must come to an end, and to a good one.</summary>
    private (Promise, IReadOnlyList<string>) SettleAll()
    {
        var good = new bool[count];
        var way = new List<int>();
        var onWay = new HashSet<int>();
        for (var start = 0; start < count; start++)
        {
            way.Clear();
            onWay.Clear();
            var at = start;
            while (!good[at])
            {
                if (!onWay.Add(at))
                    return (Promise.AlwaysGoesOn, Trace(start, way));
                way.Add(at);
                if (machine.Settle(World(at)) is not { } step)
                {
                    if (Machine.JudgeSettled(World(at)) is not Promise.Kept and var broken)
                        return (broken, Trace(start, way));
                    break;
                }

                at = Find(Canonical(machine.After(World(at), step)));
            }

            foreach (var passed in way)
                good[passed] = true;
        }

        return (Promise.Kept, []);
    }

    /// <summary>The steps to a state, and then along a way from it, in words.</summary>
    private List<string> Trace(int to, List<int> then)
    {
        var states = new List<int>();
        for (var at = to; at >= 0; at = parents[at])
            states.Add(at);
        states.Reverse();
        var faults = states.Count;
        states.AddRange(then.Skip(1));
        var told = new List<string>();
        var isSwapped = false;
        for (var at = 1; at < states.Count; at++)
        {
            var before = World(states[at - 1]);
            machine.Steps(before, steps);
            foreach (var step in steps)
            {
                var next = machine.After(before, step);
                var canonical = Canonical(next);
                if (!Same(canonical, World(states[at])))
                    continue;
                told.Add((at >= faults ? "(settling) " : "") + Words.Of(machine.Scope, before, step, isSwapped));
                isSwapped ^= !Same(canonical, next);
                break;
            }
        }

        return told;
    }

    /// <summary>The two servers are alike: of a state and the one with both exchanged, one is enough.</summary>
    private World Canonical(in World world)
    {
        if (machine.Scope.Servers < 2)
            return world;
        var other = world;
        (other.Connections[0], other.Connections[1]) = (world.Connections[1], world.Connections[0]);
        if (machine.Scope.Direction == Direction.ToServers)
            (other.Receivers[0], other.Receivers[1]) = (world.Receivers[1], world.Receivers[0]);
        else
            (other.Senders[0], other.Senders[1]) = (world.Senders[1], world.Senders[0]);
        other.ClientAt = (byte)(world.ClientAt == 0 ? 0 : 3 - world.ClientAt);
        return Bytes(other).SequenceCompareTo(Bytes(world)) < 0 ? other : world;
    }

    private ref World World(int at) => ref worlds[at >> ChunkBits][at & ((1 << ChunkBits) - 1)];

    private bool TryAdd(in World world, int parent)
    {
        if (count * 2 > places.Length)
            Grow();
        ref var place = ref Place(world);
        if (place != 0)
            return false;
        if (count >> ChunkBits == worlds.Count)
            worlds.Add(new World[1 << ChunkBits]);
        World(count) = world;
        parents.Add(parent);
        place = ++count;
        return true;
    }

    private int Find(in World world) => Place(world) is var place and not 0
        ? place - 1
        : throw new InvalidOperationException("A step of settling is none of the steps that were searched.");

    /// <summary>The place of this state's index, plus one; or an empty one, where it belongs.</summary>
    private ref int Place(in World world)
    {
        var mask = places.Length - 1;
        for (var at = Hash(world) & mask; ; at = (at + 1) & mask)
        {
            ref var place = ref places[at];
            if (place == 0 || Same(World(place - 1), world))
                return ref place;
        }
    }

    private void Grow()
    {
        places = new int[places.Length * 2];
        for (var at = 0; at < count; at++)
            Place(World(at)) = at + 1;
    }

    private static bool Same(in World left, in World right) => Bytes(left).SequenceEqual(Bytes(right));

    private static ReadOnlySpan<byte> Bytes(in World world) => MemoryMarshal.AsBytes(new ReadOnlySpan<World>(in world));

    private static int Hash(in World world)
    {
        var bytes = Bytes(world);
        var hash = 14695981039346656037;
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(bytes))
            hash = Mix(hash, word);
        foreach (var rest in bytes[(bytes.Length & ~7)..])
            hash = Mix(hash, rest);
        return (int)(hash ^ (hash >> 32));
    }

    private static ulong Mix(ulong hash, ulong word)
    {
        hash = (hash ^ word) * 0x9E3779B97F4A7C15;
        return hash ^ (hash >> 29);
    }
}

/// <summary>The result of a search.</summary>
/// <param name="Broken">The promise that is broken; or all are kept.</param>
/// <param name="States">How many different states there are, or were seen.</param>
/// <param name="Steps">How many steps lead from them to each other.</param>
/// <param name="Time">How long it took.</param>
/// <param name="Trace">A shortest way to the broken promise, in words.</param>
internal sealed record Verdict(Promise Broken, int States, long Steps, TimeSpan Time, IReadOnlyList<string> Trace);
