using System.Reactive;

namespace Microsoft.Reactive.Testing;

public partial class ReactiveTest
{
    // A notification that is only good for being compared with a real one: it has no content to send or to read.
    private abstract class PredicateNotification<T> : Notification<T>
    {
        public override T Value => throw new NotSupportedException();

        public override bool HasValue => throw new NotSupportedException();

        public override Exception Exception => throw new NotSupportedException();

        public override NotificationKind Kind => throw new NotSupportedException();

        public override bool Equals(Notification<T>? other) => ReferenceEquals(this, other) || (other is not null && Accepts(other));

        protected abstract bool Accepts(Notification<T> actual);

        public override void Accept(IObserver<T> observer) => throw new NotSupportedException();

        public override TResult Accept<TResult>(IObserver<T, TResult> observer) => throw new NotSupportedException();

        public override void Accept(Action<T> onNext, Action<Exception> onError, Action onCompleted) => throw new NotSupportedException();

        public override TResult Accept<TResult>(Func<T, TResult> onNext, Func<Exception, TResult> onError, Func<TResult> onCompleted) =>
            throw new NotSupportedException();
    }

    private sealed class OnNextPredicate<T>(Func<T, bool> predicate) : PredicateNotification<T>
    {
        protected override bool Accepts(Notification<T> actual) => actual.Kind == NotificationKind.OnNext && predicate(actual.Value);

        public override string ToString() => "OnNext(predicate)";
    }

    private sealed class OnErrorPredicate<T>(Func<Exception, bool> predicate) : PredicateNotification<T>
    {
        protected override bool Accepts(Notification<T> actual) => actual.Kind == NotificationKind.OnError && predicate(actual.Exception!);

        public override string ToString() => "OnError(predicate)";
    }
}
