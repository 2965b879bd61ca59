using System.Reactive;

namespace Microsoft.Reactive.Testing;

public partial class TestScheduler
{
    private sealed class HotObservable<T> : ITestableObservable<T>
    {
        private readonly List<IObserver<T>> observers = [];
        private readonly SubscriptionLog log;

        // The messages take their place in the scheduler's queue now, before anyone subscribes:
        // one that falls on the very tick of a later scheduled subscription is missed, on that of its disposal seen.
        public HotObservable(TestScheduler scheduler, Recorded<Notification<T>>[] messages)
        {
            log = new SubscriptionLog(scheduler);
            Messages = messages;
            foreach (var message in messages)
                scheduler.At(message.Time, () => Send(message.Value));
        }

        public IList<Subscription> Subscriptions => log.Entries;

        public IList<Recorded<Notification<T>>> Messages { get; }

        public IDisposable Subscribe(IObserver<T> observer)
        {
            ArgumentNullException.ThrowIfNull(observer);
            observers.Add(observer);
            return log.Open(() => observers.Remove(observer));
        }

        // A copy of the list: an observer may subscribe or dispose while it is being called.
        private void Send(Notification<T> notification)
        {
            foreach (var observer in observers.ToArray())
                notification.Accept(observer);
        }
    }
}
