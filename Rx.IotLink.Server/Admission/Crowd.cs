namespace Rx.IotLink.Server;

/// <summary>
/// What is there of each origin, in the order in which it came, and which origin has the most: that one gives way first
/// when there is no room. Adding, removing and asking cost the same however many there are. Not safe for several
/// threads.
/// </summary>
internal sealed class Crowd<T>
{
    private readonly Dictionary<Origin, Group> groups = [];

    // What has no origin shares one group: no limit of an origin applies to it.
    private readonly Group withoutOrigin = new();

    // The groups of each size; at the index of the size. None is empty above the largest.
    private readonly List<HashSet<Group>> bySize = [[]];

    /// <summary>How many there are in all.</summary>
    public int Count { get; private set; }

    /// <summary>How many there are of an origin.</summary>
    public int CountOf(Origin? origin) => origin is { } known ? groups.GetValueOrDefault(known)?.List.Count ?? 0 : withoutOrigin.List.Count;

    /// <summary>How many there are of the origin that has the most.</summary>
    public int Most => bySize.Count - 1;

    /// <summary>What came first of an origin. There must be some.</summary>
    public T OldestOf(Origin? origin) => GroupOf(origin).List.First!.Value;

    /// <summary>What came first of the origin that has the most. There must be some.</summary>
    public T OldestOfBusiest() => Busiest.List.First!.Value;

    /// <summary>What came last of the origin that has the most. There must be some.</summary>
    public T NewestOfBusiest() => Busiest.List.Last!.Value;

    /// <summary>Adds the node's value.</summary>
    public void Add(Origin? origin, LinkedListNode<T> node)
    {
        var group = GroupOf(origin);
        bySize[group.List.Count].Remove(group);
        group.List.AddLast(node);
        Sort(group);
        Count++;
    }

    /// <summary>False: it is gone already.</summary>
    public bool Remove(Origin? origin, LinkedListNode<T> node)
    {
        if (node.List is null)
            return false;
        var group = GroupOf(origin);
        bySize[group.List.Count].Remove(group);
        group.List.Remove(node);
        Sort(group);
        Count--;
        if (group.List.Count == 0 && origin is { } known)
            groups.Remove(known);
        return true;
    }

    private Group Busiest => bySize[^1].First();

    private Group GroupOf(Origin? origin)
    {
        if (origin is not { } known)
            return withoutOrigin;
        if (!groups.TryGetValue(known, out var group))
            groups.Add(known, group = new());
        return group;
    }

    private void Sort(Group group)
    {
        if (group.List.Count == bySize.Count)
            bySize.Add([]);
        if (group.List.Count > 0)
            bySize[group.List.Count].Add(group);
        while (bySize.Count > 1 && bySize[^1].Count == 0)
            bySize.RemoveAt(bySize.Count - 1);
    }

    private sealed class Group
    {
        public LinkedList<T> List { get; } = new();
    }
}
