namespace Rx.IotLink.Time;

/// <summary>
/// Something that is due at a time, which may move: the queue asks when its place has come, so that moving it later
/// costs nothing.
/// </summary>
internal abstract class Deadline(Deadlines queue) : IDisposable, IThreadPoolWorkItem
{
    /// <summary>Its place in the queue, or -1. The queue's.</summary>
    public int Index { get; set; } = -1;

    /// <summary>Whether it never rings again. The queue's.</summary>
    public bool IsOver { get; set; }

    /// <summary>
    /// When it is due, as far as is known now; null: not at all. Asked under the queue's lock, so it only reads.
    /// </summary>
    public abstract TimeSpan? Due { get; }

    /// <summary>
    /// Whether it was looked at early and found to be due soon, so that it is looked at again only then. The queue's.
    /// </summary>
    public bool IsSoon { get; set; }

    /// <summary>
    /// How much earlier it may be looked at where the clock is shared, so that many are looked at together.
    /// </summary>
    public virtual TimeSpan Early => TimeSpan.Zero;

    /// <summary>Whether it may ring as early as that.</summary>
    public virtual bool RingsEarly => false;

    protected Deadlines Queue { get; } = queue;

    /// <summary>
    /// It is about to ring: takes note of it, so that <see cref="Due"/> says when it rings next. Under the queue's
    /// lock.
    /// </summary>
    public abstract void Rang(TimeSpan now);

    /// <summary>Does what was due. Not under a lock.</summary>
    public abstract void Execute();

    /// <summary>Has its place looked for again: it is new, or due earlier than it was.</summary>
    public void Set() => Queue.Set(this);

    /// <summary>It rings no more.</summary>
    public void Dispose() => Queue.Remove(this);
}
