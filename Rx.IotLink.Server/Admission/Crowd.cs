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

    // The groups of each size, for sizes that there are: one origin may have thousands of items. A size changes by one,
    // so the largest is always known.
    private readonly Dictionary<int, HashSet<Group>> bySize = [];

    // A set that became empty, for the next size that there was not.
    private HashSet<Group>? spare;

    /// <summary>The number of all items.</summary>
    public int Count { get; private set; }

    /// <summary>The number of items of an origin.</summary>
    public int CountOf(Origin? origin) => origin is { } known ? groups.GetValueOrDefault(known)?.List.Count ?? 0 : withoutOrigin.List.Count;

    /// <summary>The number of items of the origin with the most.</summary>
    public int Most { get; private set; }

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
        Leave(group);
        group.List.AddLast(node);
        Join(group);
        Count++;
    }

    /// <summary>False: it was removed already.</summary>
    public bool Remove(Origin? origin, LinkedListNode<T> node)
    {
        if (node.List is null)
            return false;
        var group = GroupOf(origin);
        Leave(group);
        group.List.Remove(node);
        Join(group);
        Count--;
        if (group.List.Count == 0 && origin is { } known)
            groups.Remove(known);
        return true;
    }

    private Group Busiest => bySize[Most].First();

    private Group GroupOf(Origin? origin)
    {
        if (origin is not { } known)
            return withoutOrigin;
        if (!groups.TryGetValue(known, out var group))
            groups.Add(known, group = new());
        return group;
    }

    /// <summary>It is about to have one item more or one less.</summary>
    private void Leave(Group group)
    {
        var size = group.List.Count;
        if (size == 0)
            return;
        var same = bySize[size];
        same.Remove(group);
        if (same.Count > 0)
            return;
        bySize.Remove(size);
        spare = same;
        // Where it was the largest, it is one of the largest that are left with one item less, too.
        if (size == Most)
            Most--;
    }

    private void Join(Group group)
    {
        var size = group.List.Count;
        if (size == 0)
            return;
        if (!bySize.TryGetValue(size, out var same))
        {
            bySize.Add(size, same = spare ?? []);
            spare = null;
        }

        same.Add(group);
        Most = Math.Max(Most, size);
    }

    private sealed class Group
    {
        public LinkedList<T> List { get; } = new();
    }
}
