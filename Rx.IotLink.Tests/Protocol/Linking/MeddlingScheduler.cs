using System.Reactive.Concurrency;
using Microsoft.Reactive.Testing;

namespace Rx.IotLink.Tests.Protocol.Linking;

/// <summary>
/// Does something in the middle of a call that schedules: what another thread might do there, at the worst moment, and
/// always.
/// </summary>
internal sealed class MeddlingScheduler : TestScheduler
{
    /// <summary>Done once, at the next scheduling.</summary>
    public Action? Meddle { get; set; }

    public override IDisposable ScheduleAbsolute<TState>(TState state, long dueTime, Func<IScheduler, TState, IDisposable> action)
    {
        var meddle = Meddle;
        Meddle = null;
        meddle?.Invoke();
        return base.ScheduleAbsolute(state, dueTime, action);
    }
}
