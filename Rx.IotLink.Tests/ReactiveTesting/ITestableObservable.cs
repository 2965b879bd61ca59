using System.Reactive;

namespace Microsoft.Reactive.Testing;

/// <summary>A scripted sequence that remembers who subscribed to it, and when.</summary>
public interface ITestableObservable<T> : IObservable<T>
{
    /// <summary>The subscriptions so far, in the order in which they began.</summary>
    IList<Subscription> Subscriptions { get; }

    /// <summary>The script: times are absolute in a hot sequence, counted from the subscription in a cold one.</summary>
    IList<Recorded<Notification<T>>> Messages { get; }
}
