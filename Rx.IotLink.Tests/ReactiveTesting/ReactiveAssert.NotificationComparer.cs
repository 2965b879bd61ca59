using System.Reactive;

namespace Microsoft.Reactive.Testing;

public static partial class ReactiveAssert
{
    // Compares values with the caller's comparer, and everything else as notifications do themselves.
    private sealed class NotificationComparer<T>(IEqualityComparer<T> values) : IEqualityComparer<Notification<T>>
    {
        public bool Equals(Notification<T>? x, Notification<T>? y) =>
            x is { HasValue: true } && y is { HasValue: true } ? values.Equals(x.Value, y.Value) : object.Equals(x, y);

        // Never asked for when sequences are compared; one code for all is right for every comparer.
        public int GetHashCode(Notification<T> obj) => 0;
    }
}
