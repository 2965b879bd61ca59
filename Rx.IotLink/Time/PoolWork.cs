namespace Rx.IotLink.Time;

/// <summary>
/// Work that a thread of the pool is to do as soon as it can: this one when it has nothing else to do, or another that
/// has nothing to do now. Not for what a virtual clock must order.
/// </summary>
internal static class PoolWork
{
    public static void Run(IThreadPoolWorkItem work) => ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: true);
}
