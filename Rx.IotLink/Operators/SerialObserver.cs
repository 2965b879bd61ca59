using System.Collections.Concurrent;
using System.Reactive;

namespace Rx.IotLink;

/// <summary>
/// Hands what several threads say to one observer, one thing at a time, without a lock: whoever comes while the observer is busy leaves its
/// notification to the one who keeps it busy. After the end, and after the observer threw, everything is ignored.
/// </summary>
internal sealed class SerialObserver<T>(IObserver<T> target) : IObserver<T>
{
    private readonly ConcurrentQueue<Notification<T>> waiting = new();
    private int owed;
    private volatile bool ended;

    public void OnNext(T value) => Tell(Notification.CreateOnNext(value));

    public void OnError(Exception error) => Tell(Notification.CreateOnError<T>(error));

    public void OnCompleted() => Tell(Notification.CreateOnCompleted<T>());

    private void Tell(Notification<T> notification)
    {
        if (ended)
            return;
        waiting.Enqueue(notification);
        if (Interlocked.Increment(ref owed) != 1)
            return;

        do
        {
            if (waiting.TryDequeue(out var next) && !ended)
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
            // owed stays above zero, so nothing is delivered any more; what others enqueued meanwhile goes with this object.
            ended = true;
            throw;
        }
    }
}
