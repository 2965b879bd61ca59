using System.Collections.Concurrent;
using System.Reactive;

namespace Rx.IotLink;

/// <summary>
/// Passes the notifications of several threads to one observer, one at a time, without a lock. A thread that finds the
/// observer busy leaves its notification to the thread that is calling it. After the end, and after the observer threw,
/// everything is ignored.
/// </summary>
internal sealed class SerialObserver<T>(IObserver<T> target) : IObserver<T>
{
    // Made by the first thread that finds the observer busy, which is rare: a queue takes a kilobyte.
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

        // The observer is free: this costs only the call. An earlier thread may have delivered the end.
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
            // owed stays above zero, so nothing more is delivered; notifications that others enqueued meanwhile are
            // dropped with this object.
            ended = true;
            throw;
        }
    }
}
