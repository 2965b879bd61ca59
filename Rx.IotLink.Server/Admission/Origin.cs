using System.Net;
using System.Net.Sockets;

namespace Rx.IotLink.Server;

/// <summary>
/// Where a connection comes from, as far as limits go: one IPv4 address, or one IPv6 network of 64 bits, since whoever
/// has one address there has all of them.
/// </summary>
internal readonly record struct Origin
{
    private readonly ulong network;
    private readonly bool isVersion6;

    private Origin(ulong network, bool isVersion6) => (this.network, this.isVersion6) = (network, isVersion6);

    /// <summary>The origin of an end point; null where there is no address (a serial line, a simulated network): then
    /// no limit of an origin applies.</summary>
    public static Origin? Of(EndPoint? remote)
    {
        if (remote is not IPEndPoint { Address: var address })
            return null;
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        return address.AddressFamily == AddressFamily.InterNetwork
            ? new(BitConverter.ToUInt32(bytes), isVersion6: false)
            : new(BitConverter.ToUInt64(bytes), isVersion6: true);
    }

    /// <summary>As it is written: an address, or a network.</summary>
    public override string ToString()
    {
        if (!isVersion6)
            return new IPAddress(BitConverter.GetBytes((uint)network)).ToString();
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        BitConverter.TryWriteBytes(bytes, network);
        return $"{new IPAddress(bytes)}/64";
    }
}
