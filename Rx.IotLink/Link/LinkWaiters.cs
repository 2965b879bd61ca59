using System.Reactive;
using System.Reactive.Concurrency;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>The tasks that wait for something of one link. Few links ever have any.</summary>
/// <param name="gate">The link's lock.</param>
/// <param name="continuations">Where code that awaits them continues.</param>
internal sealed class LinkWaiters(Lock gate, IScheduler? continuations)
{
    /// <summary>Until the link is up, or has ended.</summary>
    public Waiters<Unit> UntilUp { get; } = new(gate, continuations);

    /// <summary>Until all written lines are complete.</summary>
    public Waiters<Unit> Drains { get; } = new(gate, continuations);

    /// <summary>Until no line is being handed out.</summary>
    public Waiters<Unit> StandStills { get; } = new(gate, continuations);

    /// <summary>Until the peer has answered.</summary>
    public Waiters<TimeSpan> Pings { get; } = new(gate, continuations);
}
