using System.Reactive.Linq;

namespace Rx.IotLink;

/// <summary>
/// The keys of devices for a server, with a stream of their changes: from a file (<see cref="DeviceKeys"/>), a
/// database, a vault.
/// </summary>
public interface IDeviceKeys
{
    /// <summary>
    /// The current keys of a device, each of at least 16 bytes: one; two while one replaces the other; none for an
    /// unknown id, which is refused. A shorter key is ignored, and only the first two keys count. The order does not
    /// matter, but must stay the same as long as the keys stay the same.
    /// </summary>
    /// <remarks>
    /// Called when a device connects and after <see cref="Changed"/>, on several threads at a time and not under a
    /// lock. It must be quick. If it throws, only that device is refused, and it never gets the text of the exception.
    /// </remarks>
    IReadOnlyList<ReadOnlyMemory<byte>> KeysOf(string id);

    /// <summary>
    /// The id of a device whose keys may have changed; null: of any device. The server then ends a link that is up if
    /// the key that its device proved is no longer among <see cref="KeysOf"/>. Default: never, so that changes apply to
    /// new connections only.
    /// </summary>
    IObservable<string?> Changed => Observable.Never<string?>();

    /// <summary>
    /// Removes all keys of a device where they are kept, and reports it (<see cref="Changed"/>), so that the server
    /// ends its link. Default: not supported.
    /// </summary>
    /// <param name="id">The device.</param>
    /// <param name="cancellationToken">Ends the waiting; the keys may be removed all the same.</param>
    /// <returns>Whether it had a key.</returns>
    /// <exception cref="NotSupportedException">These keys cannot be removed from here.</exception>
    /// <exception cref="IOException">Where they are kept cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">Where they are kept may not be written.</exception>
    Task<bool> RevokeAsync(string id, CancellationToken cancellationToken = default) =>
        Task.FromException<bool>(new NotSupportedException("The server cannot remove these keys: remove them where they are kept."));
}
