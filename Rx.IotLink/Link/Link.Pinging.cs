using Rx.IotLink.Engine;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>The part of a link that measures round trips.</summary>
internal sealed partial class Link
{
    /// <summary>The time until the peer has answered. Its application sees nothing of it.</summary>
    /// <exception cref="LinkDownException">The link is not up, or went down before the answer came.</exception>
    /// <exception cref="NotSupportedException">The device speaks protocol 1.</exception>
    public Task<TimeSpan> PingAsync(CancellationToken cancellationToken)
    {
        var pings = Waiters.Pings;
        var waiter = pings.Make(cancellationToken);
        Work work;
        Rejection rejection;
        lock (gate)
        {
            Step(Input.Pinged(Moment()), out work);
            rejection = work.Effects.Rejection;
            if (rejection == Rejection.None)
                pings.Add(waiter);
        }

        Perform(ref work);
        if (rejection == Rejection.NoPing)
            waiter.TrySetException(new NotSupportedException($"Link '{Id}' speaks protocol 1, in which nothing is answered but lines, and a line is shown to the application."));
        else if (rejection != Rejection.None)
            waiter.TrySetException(new LinkDownException(Id, Current));
        return waiter.Task;
    }

    private void Tell(IReadOnlyList<Waiter<TimeSpan>> pinged, TimeSpan? roundTrip)
    {
        foreach (var waiter in pinged)
        {
            if (roundTrip is { } time)
                waiter.TrySetResult(time);
            else
                waiter.TrySetException(new LinkDownException(Id, Current));
        }
    }
}
