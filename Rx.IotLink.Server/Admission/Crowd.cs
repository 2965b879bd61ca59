namespace Rx.IotLink.Server;

/// <summary>
/// The items of each origin, in the order of their arrival, and the origin with the most items: that origin loses one
/// first when there is no room. Each operation takes constant time. Not safe for several threads.
/// </summary>
internal sealed class Crowd<T>
{
    private readonly Dictionary<Origin, Group> groups = [];

    // Items without an origin share one group: no limit of an origin applies to them.
    private readonly Group withoutOrigin = new();

    // The groups of each size, at the index of the size. The last entry is the largest size in use.
    private readonly List<HashSet<Group>> bySize = [[]];

    /// <summary>The number of all items.</summary>
    public int Count { get; private set; }

    /// <summary>The number of items of an origin.</summary>
    public int CountOf(Origin? origin) => origin is { } known ? groups.GetValueOrDefault(known)?.List.Count ?? 0 : withoutOrigin.List.Count;

    /// <summary>The number of items of the origin with the most.</summary>
    public int Most => bySize.Count - 1;

    /// <summary>The oldest item of an origin. There must be one.</summary>
    public T OldestOf(Origin? origin) => GroupOf(origin).List.First!.Value;

    /// <summary>The oldest item of the origin with the most. There must be one.</summary>
    public T OldestOfBusiest() => Busiest.List.First!.Value;

    /// <summary>The newest item of the origin with the most. There must be one.</summary>
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

    /// <summary>False: it was removed already.</summary>
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
