using System.Reactive;

namespace Microsoft.Reactive.Testing;

public partial class TestScheduler
{
    // It records even what breaks the grammar of Rx, such as a value after the end: a test must be able to see that.
    private sealed class RecordingObserver<T>(TestScheduler scheduler) : ITestableObserver<T>
    {
        public IList<Recorded<Notification<T>>> Messages { get; } = new List<Recorded<Notification<T>>>();

        public void OnNext(T value) => Record(Notification.CreateOnNext(value));

        public void OnError(Exception error) => Record(Notification.CreateOnError<T>(error));

        public void OnCompleted() => Record(Notification.CreateOnCompleted<T>());

        private void Record(Notification<T> notification) => Messages.Add(new(scheduler.Clock, notification));
    }
}
