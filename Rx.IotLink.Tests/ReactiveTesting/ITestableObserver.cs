using System.Reactive;

namespace Microsoft.Reactive.Testing;

/// <summary>An observer that remembers what it was sent, and when.</summary>
public interface ITestableObserver<T> : IObserver<T>
{
    /// <summary>What was received so far; the list grows with the test.</summary>
    IList<Recorded<Notification<T>>> Messages { get; }
}
