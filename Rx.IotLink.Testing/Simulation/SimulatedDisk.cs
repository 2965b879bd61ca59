using System.Reactive.Concurrency;
using System.Reactive.Disposables;

namespace Rx.IotLink.Testing.Simulation;

/// <summary>
/// The disk of a machine, with its current faults. It may have several faults at the same time.
/// </summary>
internal sealed class SimulatedDisk(Func<IScheduler> clock)
{
    private static readonly TimeSpan Slowness = TimeSpan.FromMilliseconds(200);

    private readonly int[] faults = new int[Enum.GetValues<DiskFault>().Length];
    private readonly List<MemorySessionStore> stores = [];
    private Dictionary<MemorySessionStore, Dictionary<string, SessionSnapshot?>> synced = [];

    /// <summary>A store on this disk.</summary>
    public MemorySessionStore AddStore()
    {
        var store = new MemorySessionStore(this);
        stores.Add(store);
        return store;
    }

    /// <summary>Lets a fault begin; disposing ends it.</summary>
    public IDisposable Begin(DiskFault fault)
    {
        if (faults[(int)fault]++ == 0 && fault == DiskFault.LosesLastWrites)
            synced = stores.ToDictionary(store => store, All);
        return Disposable.Create(() => faults[(int)fault]--);
    }

    /// <summary>Whether a write has to wait (<see cref="WaitAsync"/>).</summary>
    public bool IsSlow => faults[(int)DiskFault.Slow] > 0;

    /// <summary>
    /// Completes when a slow disk has done a write, on the thread of the clock; never if the process ends before.
    /// </summary>
    public Task WaitAsync()
    {
        // Its continuation runs where it is completed.
        var done = new TaskCompletionSource();
        clock().Schedule(Slowness, () => SimulatedNetwork.WithoutContext(done.SetResult));
        return done.Task;
    }

    /// <summary>Called before a write.</summary>
    /// <param name="grows">Whether it makes the memory longer.</param>
    /// <exception cref="IOException">The write fails.</exception>
    public void Write(bool grows)
    {
        if (faults[(int)DiskFault.Fails] > 0)
            throw new IOException("the simulated disk fails");
        if (grows && faults[(int)DiskFault.Full] > 0)
            throw new IOException("the simulated disk is full");
    }

    /// <summary>Called after a write.</summary>
    /// <exception cref="IOException">The write was kept, but the disk reports a failure.</exception>
    public void Written()
    {
        if (faults[(int)DiskFault.FailsLate] > 0)
            throw new IOException("the simulated disk fails after it has written");
    }

    /// <summary>The machine loses its power: writes that the disk only pretended to keep are lost.</summary>
    public void LosePower()
    {
        if (faults[(int)DiskFault.LosesLastWrites] == 0)
            return;
        foreach (var store in stores)
        {
            foreach (var id in store.Ids)
                store.Restore(id, synced.GetValueOrDefault(store)?.GetValueOrDefault(id));
        }
    }

    /// <summary>All that a store holds.</summary>
    public static Dictionary<string, SessionSnapshot?> All(MemorySessionStore store) => store.Ids.ToDictionary(id => id, store.SnapshotOf, StringComparer.Ordinal);
}
