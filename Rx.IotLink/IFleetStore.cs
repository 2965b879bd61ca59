using System.Reactive.Concurrency;

namespace Rx.IotLink;

/// <summary>A store into which other processes write lines for the devices of this one.</summary>
internal interface IFleetStore
{
    /// <summary>
    /// Whether it keeps the lines that devices send (<see cref="SessionRecordKind.Receive"/>), for consumers in any
    /// process.
    /// </summary>
    bool KeepsReceived { get; }

    /// <summary>The fleet that several servers share; null: one process has the store.</summary>
    IFleet? SharedFleet => null;

    /// <summary>The name of this server among those.</summary>
    string Node => "";

    /// <summary>The name of another server where a device is up now, as far as is known; null: there is none.</summary>
    /// <param name="id">The device.</param>
    /// <exception cref="SessionStoreException">The store cannot be used.</exception>
    ValueTask<string?> FindUpElsewhereAsync(string id) => new((string?)null);

    /// <summary>Gives these lines to the links of their devices.</summary>
    /// <param name="links">The links of this process, each once.</param>
    /// <param name="scheduler">The clock.</param>
    /// <returns>Ends it.</returns>
    IDisposable DeliverTo(IObservable<ILink> links, IScheduler scheduler);
}
