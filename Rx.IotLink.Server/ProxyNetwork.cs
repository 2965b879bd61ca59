using System.Net;

namespace Rx.IotLink.Server;

/// <summary>The place of load balancers: one address, or a network.</summary>
internal static class ProxyNetwork
{
    /// <summary>The fault of a text that should name one; null if there is none.</summary>
    public static string? Fault(string text, out IPNetwork network)
    {
        network = default;
        if (!IPAddress.TryParse(text.Split('/')[0], out var address))
            return "is neither an address nor a network (ADDRESS/BITS)";
        if (!text.Contains('/', StringComparison.Ordinal))
            network = new(address, 8 * address.GetAddressBytes().Length);
        else if (!IPNetwork.TryParse(text, out network))
            return "is neither an address nor a network (ADDRESS/BITS)";
        // The parser would use the whole network, which may be much more than was meant.
        return network.BaseAddress.Equals(address) ? Fault(network) : $"is an address within the network {network}: give that, or the address alone";
    }

    /// <summary>The fault of a network; null if there is none.</summary>
    public static string? Fault(IPNetwork network) => network switch
    {
        { PrefixLength: 0 } => "trusts every address",
        { BaseAddress.IsIPv4MappedToIPv6: true } => "is a network of IPv4 addresses written as IPv6",
        _ => null,
    };
}
