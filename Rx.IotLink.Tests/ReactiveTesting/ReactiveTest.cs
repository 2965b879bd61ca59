using System.Reactive;

namespace Microsoft.Reactive.Testing;

/// <summary>The words in which scripts and expectations are written; a test class may inherit them or name them.</summary>
public partial class ReactiveTest
{
    /// <summary>When <see cref="TestScheduler"/>.Start creates the sequence, unless told otherwise.</summary>
    public const long Created = 100;

    /// <summary>When it subscribes.</summary>
    public const long Subscribed = 200;

    /// <summary>When it disposes the subscription.</summary>
    public const long Disposed = 1000;

    /// <summary>A value.</summary>
    public static Recorded<Notification<T>> OnNext<T>(long ticks, T value) =>
        new(ticks, Notification.CreateOnNext(value));

    /// <summary>Any value that the predicate accepts; for the expected side of a comparison only.</summary>
    public static Recorded<Notification<T>> OnNext<T>(long ticks, Func<T, bool> predicate)
    {
        ArgumentNullException.ThrowIfNull(predicate);
        return new(ticks, new OnNextPredicate<T>(predicate));
    }

    /// <summary>The end.</summary>
    public static Recorded<Notification<T>> OnCompleted<T>(long ticks) =>
        new(ticks, Notification.CreateOnCompleted<T>());

    /// <summary>The end; the witness only lets the compiler infer a type that has no name.</summary>
    public static Recorded<Notification<T>> OnCompleted<T>(long ticks, T witness) =>
        OnCompleted<T>(ticks);

    /// <summary>An error; equal to one with the same exception object.</summary>
    public static Recorded<Notification<T>> OnError<T>(long ticks, Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return new(ticks, Notification.CreateOnError<T>(exception));
    }

    /// <summary>Any error that the predicate accepts; for the expected side of a comparison only.</summary>
    public static Recorded<Notification<T>> OnError<T>(long ticks, Func<Exception, bool> predicate)
    {
        ArgumentNullException.ThrowIfNull(predicate);
        return new(ticks, new OnErrorPredicate<T>(predicate));
    }

    /// <summary>An error; the witness only lets the compiler infer a type that has no name.</summary>
    public static Recorded<Notification<T>> OnError<T>(long ticks, Exception exception, T witness) =>
        OnError<T>(ticks, exception);

    /// <summary>Any error that the predicate accepts; the witness only lets the compiler infer a type that has no name.</summary>
    public static Recorded<Notification<T>> OnError<T>(long ticks, Func<Exception, bool> predicate, T witness) =>
        OnError<T>(ticks, predicate);

    /// <summary>A subscription with an end.</summary>
    public static Subscription Subscribe(long start, long end) => new(start, end);

    /// <summary>A subscription without an end.</summary>
    public static Subscription Subscribe(long start) => new(start);
}
