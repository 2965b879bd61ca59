using System.Net;
using System.Net.NetworkInformation;

namespace Examples.AspNet;

/// <summary>
/// The names by which the pages may be reached. A foreign site can give its own name the address of this machine (DNS
/// rebinding): a browser then takes its script for one
/// of ours. Its name gives it away, since it stands in the request's Host.
/// </summary>
internal static class Hosts
{
    /// <summary>This machine's own names and addresses, and some more.</summary>
    public static IList<string> Of(IEnumerable<string> more) =>
        ["localhost", Environment.MachineName, .. Addresses().Select(Written), .. more];

    private static IEnumerable<IPAddress> Addresses() => NetworkInterface.GetAllNetworkInterfaces()
        .SelectMany(network => network.GetIPProperties().UnicastAddresses)
        .Select(unicast => unicast.Address)
        .Where(address => !address.IsIPv6LinkLocal)
        .Append(IPAddress.Loopback)
        .Append(IPAddress.IPv6Loopback)
        .Distinct();

    private static string Written(IPAddress address) => address.GetAddressBytes().Length == 16 ? $"[{address}]" : address.ToString();
}
