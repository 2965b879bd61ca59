namespace Rx.IotLink;

/// <summary>
/// The bytes that all links of a server may hold together in their inboxes and outputs. A link may take more as long as
/// it holds less than what is left of the budget. So one link alone gets half of it, two get a third each, and
/// something is always left for others. Whatever the others hold, a link may hold its share of half of the budget. So
/// all together never hold more than one and a half budgets, and one or two lines for each link.
/// </summary>
/// <param name="most">The budget.</param>
/// <param name="slowed">
/// Called, not under a lock, with the id of a link that has used up its share and is slowed.
/// </param>
internal sealed class ByteBudget(long most, Action<string>? slowed = null)
{
    private long held;
    private long part = most / 2;
    private int links;
    private long timesSlowed;

    /// <summary>The bytes that all links hold.</summary>
    public long Held => Volatile.Read(ref held);

    /// <summary>How often a link was slowed.</summary>
    public long TimesSlowed => Volatile.Read(ref timesSlowed);

    /// <summary>A link joins the budget.</summary>
    public void Join() => Share(Interlocked.Increment(ref links));

    /// <summary>A link leaves the budget.</summary>
    public void Leave() => Share(Interlocked.Decrement(ref links));

    /// <summary>A link holds this many more bytes, or fewer.</summary>
    public void Add(long bytes) => Interlocked.Add(ref held, bytes);

    /// <summary>
    /// How much more a link may hold that holds this many bytes. Below zero: it holds too many already.
    /// </summary>
    public long Left(long holds) => Math.Max(most - Held, Volatile.Read(ref part)) - holds;

    /// <summary>A link has used up its share, and is slowed.</summary>
    public void Slowed(string id)
    {
        Interlocked.Increment(ref timesSlowed);
        slowed?.Invoke(id);
    }

    // Two calls at once may compute the share for one link more or fewer. That is tolerable: the next call corrects it.
    private void Share(int among) => Volatile.Write(ref part, most / (2 * Math.Max(1, among)));
}
