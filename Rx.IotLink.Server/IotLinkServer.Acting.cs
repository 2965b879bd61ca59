using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>What an operator does with one device.</summary>
public sealed partial class IotLinkServer
{
    /// <summary>One row of <see cref="GetConnections"/>; null if the device has no link.</summary>
    public DeviceConnection? GetConnection(string id) => registry.Find(id) is Link link ? DeviceConnection.Of(link) : null;

    /// <summary>
    /// Writes a line to a device, as <see cref="ILink.WriteAsync(string, WriteOptions, CancellationToken)"/> does. Its
    /// link is opened if necessary (<see cref="OpenAsync"/>), so the line waits for a device that is known and has not
    /// connected.
    /// </summary>
    /// <param name="id">The device.</param>
    /// <param name="line">The text, by the rules of <c>WriteAsync</c>.</param>
    /// <param name="options">What is promised. Default: exactly once, until the device has accepted the line.</param>
    /// <param name="cancellationToken">Takes the line back if it was not sent yet.</param>
    /// <exception cref="ArgumentException">It is no id, or the text breaks one of its rules.</exception>
    /// <exception cref="UnknownDeviceException">No such device is known.</exception>
    /// <exception cref="OutboxFullException">The outbox of the device is full.</exception>
    /// <exception cref="SessionStoreException">The session store failed.</exception>
    /// <exception cref="LinkClosedException">The server has stopped, or the device was forgotten.</exception>
    public async Task SendAsync(string id, string line, WriteOptions? options = null, CancellationToken cancellationToken = default)
    {
        var link = await OpenAsync(id, cancellationToken).ConfigureAwait(false);
        await link.WriteAsync(line, options ?? new WriteOptions(), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Measures a round trip to a device and back, on the wire: this server repeats the number of the last accepted
    /// line, and the device acknowledges it again. The application of the device sees nothing of it; its
    /// <see cref="LinkCounters.DuplicatesReceived"/> counts one.
    /// </summary>
    /// <remarks>
    /// The time begins when the bytes are put into the output of the connection. While lines flow to the device, an
    /// acknowledgement that was under way already may be taken for the answer: then the time is too short.
    /// </remarks>
    /// <param name="id">The device.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="UnknownDeviceException">It has no link.</exception>
    /// <exception cref="LinkDownException">It is not up, or went down before its answer.</exception>
    /// <exception cref="NotSupportedException">It speaks protocol 1, which has no such message.</exception>
    public Task<TimeSpan> PingAsync(string id, CancellationToken cancellationToken = default) => LinkOf(id).PingAsync(cancellationToken);

    /// <summary>
    /// Ends the connection of a device, with a farewell (protocol 2). Its link stays, and no line is lost; a device
    /// that wants to, connects again. Counted as an outage (<see cref="OutageReason.ClosedHere"/>).
    /// </summary>
    /// <param name="id">The device.</param>
    /// <returns>Whether it was connected.</returns>
    /// <exception cref="UnknownDeviceException">It has no link.</exception>
    public bool Disconnect(string id) => LinkOf(id).Disconnect();

    /// <summary>
    /// Forgets a device: ends its connection, closes its link, and deletes its memory, in the session store too. Lines
    /// that were not accepted by either end are lost at this end. If the device comes again, it is a new one
    /// (<see cref="LinkChangeKind.Joined"/>): it sends what it has not seen accepted, and such a line may have come
    /// before.
    /// </summary>
    /// <param name="id">The device.</param>
    /// <param name="cancellationToken">Ends the waiting; the device may be forgotten all the same.</param>
    /// <exception cref="ArgumentException">It is no id.</exception>
    /// <exception cref="UnknownDeviceException">It has no link, and the session store has nothing of it.</exception>
    /// <exception cref="DeviceElsewhereException">It is connected at another server of the fleet.</exception>
    /// <exception cref="SessionStoreException">The session store failed; try again.</exception>
    /// <exception cref="LinkClosedException">The server has stopped.</exception>
    public Task ForgetAsync(string id, CancellationToken cancellationToken = default)
    {
        Require.NotNull(id, nameof(id));
        Require.NotFaulty(LinkId.Fault(id, options.MaxIdBytes), Printable.Of(id), nameof(id));
        return registry.ForgetAsync(id, cancellationToken);
    }

    /// <summary>
    /// Revokes the keys of a device: removes them where they are kept (<see cref="IotLinkServerOptions.KeyFile"/>, or
    /// <see cref="IDeviceKeys.RevokeAsync"/>) and ends its connection (<see cref="OutageReason.KeyRevoked"/>). Its
    /// memory stays (<see cref="ForgetAsync"/>).
    /// </summary>
    /// <param name="id">The device.</param>
    /// <param name="cancellationToken">Ends the waiting; the keys may be revoked all the same.</param>
    /// <returns>Whether it had a key.</returns>
    /// <exception cref="ArgumentException">It is no id.</exception>
    /// <exception cref="NotSupportedException">The server has no keys, or cannot remove them.</exception>
    /// <exception cref="FormatException">A line of the key file is wrong.</exception>
    /// <exception cref="IOException">The key file cannot be replaced.</exception>
    /// <exception cref="UnauthorizedAccessException">The key file may not be replaced.</exception>
    public Task<bool> RevokeAsync(string id, CancellationToken cancellationToken = default)
    {
        Require.NotNull(id, nameof(id));
        Require.NotFaulty(LinkId.Fault(id, options.MaxIdBytes), Printable.Of(id), nameof(id));
        return options.Keys is { } keys
            ? keys.RevokeAsync(id, cancellationToken)
            : Task.FromException<bool>(new NotSupportedException("This server asks for no keys."));
    }

    private Link LinkOf(string id)
    {
        Require.NotNull(id, nameof(id));
        return registry.Find(id) as Link ?? throw new UnknownDeviceException(id, "it has not connected since this server started");
    }
}
