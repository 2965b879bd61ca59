namespace Rx.IotLink;

/// <summary>What is promised for a written line.</summary>
public enum Delivery
{
    /// <summary>
    /// The peer's application gets the line once: this end keeps it and sends it again until the peer has accepted it.
    /// </summary>
    ExactlyOnce,

    /// <summary>
    /// The line is sent once and then forgotten. It arrives at most once, and is lost if an outage has begun that is
    /// not noticed yet. It waits only until the link is up.
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
    /// <summary><c>OnNext</c> throws <see cref="OutboxFullException"/>: no line is lost silently.</summary>
    Fail,

    /// <summary>
    /// Drops the oldest line of a <see cref="ILink.Writer"/> that was not sent yet. It is counted, and
    /// <see cref="ILink.Notices"/> reports it.
    /// </summary>
    DropOldest,

    /// <summary>Drops the new line. It is counted, and <see cref="ILink.Notices"/> reports it.</summary>
    DropNewest,
}
