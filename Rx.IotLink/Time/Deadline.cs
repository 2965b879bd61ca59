namespace Rx.IotLink.Time;

/// <summary>
/// Something that is due at a time, which may move. The queue asks for the time when the old time has come, so moving
/// it later costs nothing.
/// </summary>
internal abstract class Deadline(Deadlines queue) : IDisposable, IThreadPoolWorkItem
{
    /// <summary>Its place in the queue, or -1. Set by the queue.</summary>
    public int Index { get; set; } = -1;

    /// <summary>Whether it never rings again. Set by the queue.</summary>
    public bool IsOver { get; set; }

    /// <summary>
    /// When it is due, as known now; null: not at all. Called under the queue's lock, so it only reads.
    /// </summary>
    public abstract TimeSpan? Due { get; }

    /// <summary>
    /// Whether an early look found it due soon, so that the next look comes only then. Set by the queue.
    /// </summary>
    public bool IsSoon { get; set; }

    /// <summary>
    /// How much earlier the queue may look at it on a shared clock, so that it looks at many together.
    /// </summary>
    public virtual TimeSpan Early => TimeSpan.Zero;

    /// <summary>Whether it may ring as early as that.</summary>
    public virtual bool RingsEarly => false;

    protected Deadlines Queue { get; } = queue;

    /// <summary>
    /// It is about to ring. It records this, so that <see cref="Due"/> gives the time of the next ring. Under the
    /// queue's lock.
    /// </summary>
    public abstract void Rang(TimeSpan now);

    /// <summary>Does what was due. Not under a lock.</summary>
    public abstract void Execute();

    /// <summary>Updates its place in the queue: it is new, or due earlier than before.</summary>
    public void Set() => Queue.Set(this);

    /// <summary>It no longer rings.</summary>
    public void Dispose() => Queue.Remove(this);
}
