using System.Reactive.Disposables;

namespace Rx.IotLink.Testing.Simulation;

/// <summary>
/// The disk of a machine, and what is wrong with it now. Several faults of it may last at the same time.
/// </summary>
internal sealed class SimulatedDisk
{
    private readonly int[] faults = new int[Enum.GetValues<DiskFault>().Length];
    private readonly List<MemorySessionStore> stores = [];
    private Dictionary<MemorySessionStore, SessionMemory?> synced = [];

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
            synced = stores.ToDictionary(store => store, store => store.Memory);
        return Disposable.Create(() => faults[(int)fault]--);
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
            store.Restore(synced.GetValueOrDefault(store));
    }
}
