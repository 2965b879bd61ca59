using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;

namespace Microsoft.Reactive.Testing;

public partial class TestScheduler
{
    private sealed class ColdObservable<T>(TestScheduler scheduler, Recorded<Notification<T>>[] messages) : ITestableObservable<T>
    {
        private readonly SubscriptionLog log = new(scheduler);

        public IList<Subscription> Subscriptions => log.Entries;

        public IList<Recorded<Notification<T>>> Messages => messages;

        public IDisposable Subscribe(IObserver<T> observer)
        {
            ArgumentNullException.ThrowIfNull(observer);

            var pending = new CompositeDisposable();
            foreach (var message in messages)
                pending.Add(scheduler.ScheduleRelative<Action>(() => message.Value.Accept(observer), message.Time, Run));

            return log.Open(pending.Dispose);
        }
    }
}
