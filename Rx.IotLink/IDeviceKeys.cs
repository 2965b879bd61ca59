using System.Reactive.Linq;

namespace Rx.IotLink;

/// <summary>
/// Where a server finds the keys of devices, and hears that they have changed: a file (<see cref="DeviceKeys"/>), a
/// database, a vault.
/// </summary>
public interface IDeviceKeys
{
    /// <summary>
    /// The keys that a device may have at present, each of at least 16 bytes: one; two while one is replaced by the
    /// other; none for an id that is not known, which is refused. A shorter key is none, and of more than two the first
    /// two count. The order matters to nobody, but must stay the same as long as the keys do.
    /// </summary>
    /// <remarks>
    /// Called when a device connects and after <see cref="Changed"/>, on several threads at a time and not under a
    /// lock. It must be quick. What it throws keeps out that device alone, and is never told to it.
    /// </remarks>
    IReadOnlyList<ReadOnlyMemory<byte>> KeysOf(string id);

    /// <summary>
    /// The id of a device whose keys may be others from now on; null: of any device. A link that is up is ended if the
    /// key that its device proved is no longer among <see cref="KeysOf"/>. Default: never, so that what changed counts
    /// for new connections alone.
    /// </summary>
    IObservable<string?> Changed => Observable.Never<string?>();
}
