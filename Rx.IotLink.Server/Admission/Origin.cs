using System.Net;
using System.Net.Sockets;

namespace Rx.IotLink.Server;

/// <summary>
/// The source of a connection for limits: one IPv4 address, or one IPv6 /64 network, since a host with one address
/// there can use all of them.
/// </summary>
internal readonly record struct Origin
{
    private readonly ulong network;
    private readonly bool isVersion6;

    private Origin(ulong network, bool isVersion6) => (this.network, this.isVersion6) = (network, isVersion6);

    /// <summary>
    /// The origin of an end point; null if there is no address (a serial line, a simulated network): then no limit of
    /// an origin applies.
    /// </summary>
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

    /// <summary>The address or the network as text.</summary>
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
