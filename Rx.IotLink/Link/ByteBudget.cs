namespace Rx.IotLink;

/// <summary>
/// Bytes that all links of a server may hold in their inboxes and outputs together. A link may go on as long as it
/// holds less than is left of the budget: so one alone gets half of it, two a third each, and there is always something
/// left for others. Whatever the others hold, a link may hold its part of half of the budget. So all together never
/// hold more than one and a half, and a line or two each.
/// </summary>
/// <param name="most">The budget.</param>
/// <param name="slowed">Called, by no lock's holder, for the id of a link that has its part and is slowed.</param>
internal sealed class ByteBudget(long most, Action<string>? slowed = null)
{
    private long held;
    private long part = most / 2;
    private int links;
    private long timesSlowed;

    /// <summary>Bytes that are held by all.</summary>
    public long Held => Volatile.Read(ref held);

    /// <summary>How often a link was slowed.</summary>
    public long TimesSlowed => Volatile.Read(ref timesSlowed);

    /// <summary>A link takes part from now on.</summary>
    public void Join() => Share(Interlocked.Increment(ref links));

    /// <summary>A link takes part no longer.</summary>
    public void Leave() => Share(Interlocked.Decrement(ref links));

    /// <summary>A link holds so many more, or fewer.</summary>
    public void Add(long bytes) => Interlocked.Add(ref held, bytes);

    /// <summary>How much more a link may hold that holds so much. Below zero: it holds too much already.</summary>
    public long Left(long holds) => Math.Max(most - Held, Volatile.Read(ref part)) - holds;

    /// <summary>A link has its part, and is slowed.</summary>
    public void Slowed(string id)
    {
        Interlocked.Increment(ref timesSlowed);
        slowed?.Invoke(id);
    }

    // Two at once may leave the share of one fewer, or one more: it is a guess, and put right by the next.
    private void Share(int among) => Volatile.Write(ref part, most / (2 * Math.Max(1, among)));
}
