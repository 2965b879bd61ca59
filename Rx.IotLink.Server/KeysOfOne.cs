namespace Rx.IotLink.Server;

/// <summary>
/// <see cref="IotLinkServerOptions.KeyOf"/>, seen as keys: one a device, and nobody tells of changes.
/// </summary>
internal sealed class KeysOfOne(Func<string, ReadOnlyMemory<byte>?> keyOf) : IDeviceKeys
{
    public IReadOnlyList<ReadOnlyMemory<byte>> KeysOf(string id) => keyOf(id) is { } key ? [key] : [];
}
