namespace Rx.IotLink.Tests.Server.Tools;

/// <summary>What the process holds.</summary>
internal static class Heap
{
    private const int Collections = 10;

    /// <summary>
    /// Bytes on the heap, when another collection frees nothing more.
    /// <see cref="GC.GetTotalMemory"/> is content when a collection changes the heap by less than 5 %. After all other
    /// tests that is more than what a test looks for.
    /// </summary>
    public static long Bytes()
    {
        var least = long.MaxValue;
        for (var collection = 0; collection < Collections; collection++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
            var now = GC.GetTotalMemory(forceFullCollection: false);
            if (now >= least)
                break;
            least = now;
        }

        return least;
    }
}
