namespace Rx.IotLink.Server;

/// <summary>
/// <see cref="IotLinkServerOptions.KeyOf"/> as <see cref="IDeviceKeys"/>: one key for each device, and no reports of
/// changes.
/// </summary>
internal sealed class KeysOfOne(Func<string, ReadOnlyMemory<byte>?> keyOf) : IDeviceKeys
{
    public IReadOnlyList<ReadOnlyMemory<byte>> KeysOf(string id) => keyOf(id) is { } key ? [key] : [];
}
