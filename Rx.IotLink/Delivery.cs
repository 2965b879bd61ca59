namespace Rx.IotLink;

/// <summary>What is promised for a written line.</summary>
public enum Delivery
{
    /// <summary>
    /// The peer's application is given the line once: it is kept and repeated until the peer has accepted it.
    /// </summary>
    ExactlyOnce,

    /// <summary>
    /// The line is sent once and forgotten: at most once, and lost if an outage is on its way. Waits for nothing but
    /// the link to be up.
    /// </summary>
    BestEffort,
}

/// <summary>Whether an exactly-once line keeps its place among the others.</summary>
public enum Ordering
{
    /// <summary>Accepted after every ordered line that was written before it.</summary>
    Ordered,

    /// <summary>Sent without waiting for earlier lines; after a loss it may arrive in another order.</summary>
    Concurrent,
}

/// <summary>What <see cref="ILink.Writer"/> does with a line when the outbox is full.</summary>
public enum OverflowPolicy
{
    /// <summary><c>OnNext</c> throws <see cref="OutboxFullException"/>: nothing is lost unnoticed.</summary>
    Fail,

    /// <summary>
    /// The oldest line that came through a <see cref="ILink.Writer"/> and was not sent yet gives way; counted and told
    /// in <see cref="ILink.Notices"/>.
    /// </summary>
    DropOldest,

    /// <summary>The new line is not taken; counted and told in <see cref="ILink.Notices"/>.</summary>
    DropNewest,
}
