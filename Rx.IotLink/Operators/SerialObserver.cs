using System.Collections.Concurrent;
using System.Reactive;

namespace Rx.IotLink;

/// <summary>
/// Hands what several threads say to one observer, one thing at a time, without a lock: whoever comes while the
/// observer is busy leaves its notification to the one who keeps it busy. After the end, and after the observer threw,
/// everything is ignored.
/// </summary>
internal sealed class SerialObserver<T>(IObserver<T> target) : IObserver<T>
{
    // Made by the first who finds the observer busy, which is rare: a queue takes a kilobyte.
    private ConcurrentQueue<Notification<T>>? waiting;
    private int owed;
    private volatile bool ended;

    public void OnNext(T value)
    {
        if (ended)
            return;
        if (Interlocked.CompareExchange(ref owed, 1, 0) != 0)
        {
            Leave(Notification.CreateOnNext(value));
            return;
        }

        // The observer is free: this costs nothing but the call. Whoever was here before may have brought the end.
        try
        {
            if (!ended)
                target.OnNext(value);
        }
        catch
        {
            ended = true;
            throw;
        }

        if (Interlocked.Decrement(ref owed) != 0)
            DeliverWaiting();
    }

    public void OnError(Exception error) => End(Notification.CreateOnError<T>(error));

    public void OnCompleted() => End(Notification.CreateOnCompleted<T>());

    private void End(Notification<T> notification)
    {
        if (ended)
            return;
        if (Interlocked.CompareExchange(ref owed, 1, 0) != 0)
            Leave(notification);
        else if (!ended)
            Deliver(notification);
    }

    private void Leave(Notification<T> notification)
    {
        if (waiting is null)
            Interlocked.CompareExchange(ref waiting, new(), null);
        waiting.Enqueue(notification);
        if (Interlocked.Increment(ref owed) == 1)
            DeliverWaiting();
    }

    private void DeliverWaiting()
    {
        do
        {
            if (waiting!.TryDequeue(out var next) && !ended)
                Deliver(next);
        }
        while (Interlocked.Decrement(ref owed) != 0);
    }

    private void Deliver(Notification<T> notification)
    {
        ended = notification.Kind != NotificationKind.OnNext;
        try
        {
            notification.Accept(target);
        }
        catch
        {
            // owed stays above zero, so nothing is delivered any more; what others enqueued meanwhile goes with this
            // object.
            ended = true;
            throw;
        }
    }
}
