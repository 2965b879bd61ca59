using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>
/// A pause in reading a connection, since its link has used up its share of the budget. It lasts until the link may
/// hold more again, or for a limited time. Lines that are read after that and find no room are dropped, and the peer
/// keeps them. But acknowledgements are read, and so is any sign that the peer is alive.
/// </summary>
/// <remarks>
/// The time is one timeout, or a quarter of it if acknowledgements are awaited: they may be behind lines that are not
/// read. The application may wait for them, and read no line before they come.
/// </remarks>
internal sealed class Pause(Link link, Deadlines queue, TimeSpan timeout, LinkOptions options) : Deadline(queue)
{
    private const int Quarters = 4;

    private TaskCompletionSource? waiting;
    private TimeSpan until;
    private bool rang;
    private int quarters;

    /// <summary>Whether reading is paused.</summary>
    public bool IsOn => Volatile.Read(ref waiting) is not null;

    /// <summary>Whether the last pause ended although the link may not hold more.</summary>
    public bool TimedOut { get; private set; }

    public override TimeSpan? Due => IsOn && !rang ? until : null;

    /// <summary>Begins; completes at <see cref="End"/>.</summary>
    public Task BeginAsync()
    {
        var source = new TaskCompletionSource(Continuations.Options(options.Continuations));
        (TimedOut, quarters) = (false, 0);
        Volatile.Write(ref waiting, source);
        SetNext();
        return source.Task;
    }

    public void End() => Interlocked.Exchange(ref waiting, null)?.TrySetResult();

    public override void Rang(TimeSpan now) => rang = true;

    public override void Execute()
    {
        // Other links may have released bytes without a report to this link.
        TimedOut = link.IsShort && (++quarters == Quarters || link.AwaitsAcknowledgement);
        if (TimedOut || !link.IsShort)
            End();
        else
            SetNext();
    }

    private void SetNext()
    {
        (until, rang) = (Queue.Now + (timeout / Quarters), false);
        Set();
    }
}
