using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>
/// The link of an unknown device cannot be opened (<see cref="IotLinkServer.OpenAsync"/>): the id is not among
/// <see cref="IotLinkServerOptions.Expected"/>, has no key, and there is nothing of it in the session store.
/// </summary>
public sealed class UnknownDeviceException : InvalidOperationException
{
    /// <summary>Says which.</summary>
    public UnknownDeviceException(string id)
        : base($"No device '{Printable.Of(id)}' is known: it is not expected, has no key, and the session store has nothing of it.") => Id = id;

    /// <summary>The id.</summary>
    public string Id { get; }
}
