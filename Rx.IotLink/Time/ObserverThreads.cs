using System.Reactive.Concurrency;

namespace Rx.IotLink.Time;

/// <summary>to come</summary>
internal static class ObserverThreads
{
    public static IScheduler Instance { get; } = NewThreadScheduler.Default;
}
