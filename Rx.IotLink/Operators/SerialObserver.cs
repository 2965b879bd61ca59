using System.Collections.Concurrent;
using System.Reactive;

namespace Rx.IotLink;

/// <summary>
/// Hands what several threads say to one observer, one thing at a time, without a lock: whoever comes while the observer is busy leaves its
/// notification to the one who keeps it busy. After the end, and after the observer threw, everything is ignored.
/// </summary>
internal sealed class SerialObserver<T>(IObserver<T> target) : IObserver<T>
{
    private readonly ConcurrentQueue<Notification<T>> _waiting = new();
    private int _owed;
    private volatile bool _ended;

    public void OnNext(T value) => Tell(Notification.CreateOnNext(value));

    public void OnError(Exception error) => Tell(Notification.CreateOnError<T>(error));

    public void OnCompleted() => Tell(Notification.CreateOnCompleted<T>());

    private void Tell(Notification<T> notification)
    {
        if (_ended)
            return;
        _waiting.Enqueue(notification);
        if (Interlocked.Increment(ref _owed) != 1)
            return;

        do
        {
            if (_waiting.TryDequeue(out var next) && !_ended)
                Deliver(next);
        }
        while (Interlocked.Decrement(ref _owed) != 0);
    }

    private void Deliver(Notification<T> notification)
    {
        _ended = notification.Kind != NotificationKind.OnNext;
        try
        {
            notification.Accept(target);
        }
        catch
        {
            // _owed stays above zero, so nothing is delivered any more; what others enqueued meanwhile goes with this object.
            _ended = true;
            throw;
        }
    }
}
