using System.Reactive.Concurrency;
using System.Reactive.Disposables;

namespace Rx.IotLink.Testing.Simulation;

/// <summary>
/// The disk of a machine, and what is wrong with it now. Several faults of it may last at the same time.
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

    /// <summary>Something is to be written.</summary>
    /// <param name="grows">Whether it makes the memory longer.</param>
    /// <exception cref="IOException">It cannot be.</exception>
    public void Write(bool grows)
    {
        if (faults[(int)DiskFault.Fails] > 0)
            throw new IOException("the simulated disk fails");
        if (grows && faults[(int)DiskFault.Full] > 0)
            throw new IOException("the simulated disk is full");
    }

    /// <summary>Something was written.</summary>
    /// <exception cref="IOException">So it was, but the disk says otherwise.</exception>
    public void Written()
    {
        if (faults[(int)DiskFault.FailsLate] > 0)
            throw new IOException("the simulated disk fails after it has written");
    }

    /// <summary>The machine loses its power: so does what was only said to be written.</summary>
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
