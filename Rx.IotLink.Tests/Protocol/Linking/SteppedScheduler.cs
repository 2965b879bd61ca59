using System.Reactive.Concurrency;
using Microsoft.Reactive.Testing;

namespace Rx.IotLink.Tests.Protocol.Linking;

/// <summary>
/// A clock that people set by hand: what it shows jumps, while time passes as ever (its stopwatch and its delays are
/// right).
/// </summary>
internal sealed class SteppedScheduler(TestScheduler time) : IScheduler, IStopwatchProvider, IServiceProvider
{
    /// <summary>By how much the clock is wrong.</summary>
    public TimeSpan Step { get; set; }

    public DateTimeOffset Now => time.Now + Step;

    public IDisposable Schedule<TState>(TState state, Func<IScheduler, TState, IDisposable> action) =>
        time.Schedule(state, (_, s) => action(this, s));

    public IDisposable Schedule<TState>(TState state, TimeSpan dueTime, Func<IScheduler, TState, IDisposable> action) =>
        time.Schedule(state, dueTime, (_, s) => action(this, s));

    public IDisposable Schedule<TState>(TState state, DateTimeOffset dueTime, Func<IScheduler, TState, IDisposable> action) =>
        time.Schedule(state, dueTime - Now, (_, s) => action(this, s));

    public IStopwatch StartStopwatch() => time.StartStopwatch();

    object? IServiceProvider.GetService(Type serviceType) => serviceType == typeof(IStopwatchProvider) ? this : null;
}
