// This folder stands in for the NuGet package Microsoft.Reactive.Testing where that cannot be restored.
//
// - Same namespace, type and member names, signatures and behaviour: a test compiles and passes against either.
//   Everything the package keeps internal is a private nested type here, so that no test can come to need it.
// - `-p:UseReactiveTestingPackage=true` leaves this folder out of the compilation and references the package instead.
// - ReactiveTestingTests.cs, beside this folder, pins the behaviour that our tests count on, for both.
//
// Add nothing here that the package lacks: a helper of our own belongs elsewhere in the tests.

using System.Diagnostics;
using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;

namespace Microsoft.Reactive.Testing;

/// <summary>
/// A scheduler whose clock is a count of ticks that only moves when a test moves it.
/// </summary>
[DebuggerDisplay("Clock = {Clock}")]
public partial class TestScheduler : VirtualTimeScheduler<long, long>
{
    /// <summary>Runs <paramref name="action"/> at <paramref name="dueTime"/>, or one tick from now when that is not in the future.</summary>
    /// <remarks>
    /// Every other way to schedule ends here. The clamp gives each step of a chain of immediate work a tick of its own:
    /// what caused what stays visible in the recorded times, and work that reschedules itself cannot stop the clock.
    /// </remarks>
    public override IDisposable ScheduleAbsolute<TState>(TState state, long dueTime, Func<IScheduler, TState, IDisposable> action) =>
        base.ScheduleAbsolute(state, dueTime > Clock ? dueTime : Clock + 1, action);

    /// <inheritdoc />
    protected override long Add(long absolute, long relative) => absolute + relative;

    /// <inheritdoc />
    protected override DateTimeOffset ToDateTimeOffset(long absolute) => new(absolute, TimeSpan.Zero);

    /// <inheritdoc />
    protected override long ToRelative(TimeSpan timeSpan) => timeSpan.Ticks;

    /// <summary>Creates a sequence at 100, subscribes to it at 200, disposes at 1000 and returns what was seen.</summary>
    public ITestableObserver<T> Start<T>(Func<IObservable<T>> create) =>
        Start(create, ReactiveTest.Disposed);

    /// <summary>Creates a sequence at 100, subscribes to it at 200, disposes at <paramref name="disposed"/> and returns what was seen.</summary>
    public ITestableObserver<T> Start<T>(Func<IObservable<T>> create, long disposed) =>
        Start(create, ReactiveTest.Created, ReactiveTest.Subscribed, disposed);

    /// <summary>Runs all work there is, with the life of one subscription at the given times, and returns what it saw.</summary>
    public ITestableObserver<T> Start<T>(Func<IObservable<T>> create, long created, long subscribed, long disposed)
    {
        ArgumentNullException.ThrowIfNull(create);
        ArgumentOutOfRangeException.ThrowIfLessThan(subscribed, created);
        ArgumentOutOfRangeException.ThrowIfLessThan(disposed, subscribed);

        var observer = CreateObserver<T>();
        IObservable<T>? source = null;
        IDisposable? subscription = null;

        // All three are scheduled before anything runs: among work of the same tick they keep this place in the queue.
        At(created, () => source = create());
        At(subscribed, () => subscription = source!.Subscribe(observer));
        At(disposed, () => subscription!.Dispose());
        Start();

        return observer;
    }

    /// <summary>Creates a sequence that sends each message at its absolute time, to whoever is subscribed then.</summary>
    public ITestableObservable<T> CreateHotObservable<T>(params Recorded<Notification<T>>[] messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return new HotObservable<T>(this, messages);
    }

    /// <summary>Creates a sequence that sends each message to each subscriber, at its time after the subscription.</summary>
    public ITestableObservable<T> CreateColdObservable<T>(params Recorded<Notification<T>>[] messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return new ColdObservable<T>(this, messages);
    }

    /// <summary>Creates an observer that records what it is sent, and when.</summary>
    public ITestableObserver<T> CreateObserver<T>() => new RecordingObserver<T>(this);

    private void At(long time, Action action) => ScheduleAbsolute(action, time, Run);

    private static IDisposable Run(IScheduler scheduler, Action action)
    {
        action();
        return Disposable.Empty;
    }
}
