using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>
/// There is no such device. Its link cannot be opened (<see cref="IotLinkServer.OpenAsync"/>): the id is not among
/// <see cref="IotLinkServerOptions.Expected"/>, has no key, and there is nothing of it in the session store. Or it has
/// no link, and so it cannot be pinged, disconnected or forgotten.
/// </summary>
public sealed class UnknownDeviceException : InvalidOperationException
{
    /// <summary>Says which.</summary>
    public UnknownDeviceException(string id)
        : base($"No device '{Printable.Of(id)}' is known: it is not expected, has no key, and the session store has nothing of it.") => Id = id;

    internal UnknownDeviceException(string id, string why)
        : base($"No device '{Printable.Of(id)}' is known: {why}.") => Id = id;

    /// <summary>The id.</summary>
    public string Id { get; }
}
