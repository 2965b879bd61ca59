using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>
/// The device is connected at another server of the fleet. Its link cannot be opened here, since that would end its
/// connection there. A line for it is written through the fleet, and what else is wanted of it is done at its server.
/// </summary>
public sealed class DeviceElsewhereException : InvalidOperationException
{
    /// <summary>Says which device and server.</summary>
    public DeviceElsewhereException(string id, string node)
        : base($"The device '{Printable.Of(id)}' is connected at the server '{Printable.Of(node)}': write to it through the fleet (WriteAsync of the store's Fleet).") =>
        (Id, Node) = (id, node);

    /// <summary>The device.</summary>
    public string Id { get; }

    /// <summary>The server where it is.</summary>
    public string Node { get; }
}
