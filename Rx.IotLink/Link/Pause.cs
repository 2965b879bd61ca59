using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>
/// Nothing is read from a connection for now, since its link holds its part of what it shares with others: until the
/// link may hold more again, or for a while. What is read after that, and finds no room, is not taken, and the peer
/// keeps it; but it is heard what the peer acknowledges, and whether it still lives.
/// </summary>
/// <remarks>
/// The while is a timeout; a quarter of it where acknowledgements are awaited, which may be behind lines that are not
/// read. The application may wait for them, and read no line before they come.
/// </remarks>
internal sealed class Pause(Link link, Deadlines queue, TimeSpan timeout, LinkOptions options) : Deadline(queue)
{
    private const int Quarters = 4;

    private TaskCompletionSource? waiting;
    private TimeSpan until;
    private bool rang;
    private int quarters;

    /// <summary>Whether nothing is read.</summary>
    public bool IsOn => Volatile.Read(ref waiting) is not null;

    /// <summary>Whether the last one ended though the link may not hold more.</summary>
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
        // Others may have given something back, of which this link was not told.
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
