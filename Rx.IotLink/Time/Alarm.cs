using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;

namespace Rx.IotLink.Time;

/// <summary>
/// Rings when a deadline has come. A deadline that moves later costs nothing: the alarm rings at the old one and is set again.
/// </summary>
internal sealed class Alarm(IScheduler scheduler, IStopwatch clock, Action ring) : IDisposable
{
    private readonly Lock gate = new();
    private readonly SerialDisposable timer = new();

    // In ticks; looked at without the lock first, since nearly always it rings early enough.
    private long setFor = long.MaxValue;

    /// <summary>Makes sure that it rings at (or before) the deadline; null asks for nothing.</summary>
    public void Set(TimeSpan? deadline)
    {
        if (deadline is not { } due || Volatile.Read(ref setFor) <= due.Ticks)
            return;
        Start(due);
    }

    public void Dispose() => timer.Dispose();

    // Apart, since its closure would be made at each call of the other.
    private void Start(TimeSpan due)
    {
        var next = new SingleAssignmentDisposable();
        lock (gate)
        {
            if (setFor <= due.Ticks)
                return;
            setFor = due.Ticks;
            // Its place is taken here, so that a timer which is started at the same time for a later deadline does not end it.
            timer.Disposable = next;
        }

        var wait = due - clock.Elapsed;
        next.Disposable = Observable.Timer(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, scheduler).Subscribe(_ => Ring(due));
    }

    private void Ring(TimeSpan due)
    {
        lock (gate)
        {
            if (setFor == due.Ticks)
                setFor = long.MaxValue;
        }

        ring();
    }
}
