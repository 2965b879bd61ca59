using System.Reactive.Disposables;

namespace Microsoft.Reactive.Testing;

public partial class TestScheduler
{
    // The book that hot and cold sequences keep of their subscriptions.
    private sealed class SubscriptionLog(TestScheduler scheduler)
    {
        public List<Subscription> Entries { get; } = [];

        // Enters a subscription that begins now; disposing the result releases it and enters its end, once.
        public IDisposable Open(Action release)
        {
            var index = Entries.Count;
            var start = scheduler.Clock;
            Entries.Add(new(start));

            return Disposable.Create(() =>
            {
                release();
                Entries[index] = new(start, scheduler.Clock);
            });
        }
    }
}
