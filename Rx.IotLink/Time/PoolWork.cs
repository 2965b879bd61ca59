namespace Rx.IotLink.Time;

/// <summary>
/// Work for the first free thread of the pool: this thread when it has finished, or another idle one. Not for work that
/// a virtual clock must order.
/// </summary>
internal static class PoolWork
{
    public static void Run(IThreadPoolWorkItem work) => ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: true);
}
