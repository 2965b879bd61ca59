using System.Reactive.Concurrency;
using Microsoft.Reactive.Testing;

namespace Rx.IotLink.Tests.Protocol.Linking;

/// <summary>
/// Counts what is scheduled: a loop that spins is fast in virtual time, and shows only in what it costs.
/// </summary>
internal sealed class CountingScheduler : TestScheduler
{
    public int Scheduled { get; private set; }

    public override IDisposable ScheduleAbsolute<TState>(TState state, long dueTime, Func<IScheduler, TState, IDisposable> action)
    {
        Scheduled++;
        return base.ScheduleAbsolute(state, dueTime, action);
    }
}
