using System.Globalization;
using System.Net;

namespace Rx.IotLink.Cli;

/// <summary>Where a server is: <c>HOST</c>, <c>HOST:PORT</c>, <c>[IPV6]:PORT</c> or a bare IPv6 address.</summary>
internal sealed record HostAndPort(string Host, int Port)
{
    public const int DefaultPort = 8123;

    /// <summary>Reads one, or says what is wrong with it as the rest of a sentence.</summary>
    public static (HostAndPort? Value, string? Fault) Parse(string text)
    {
        var (host, port) = Split(text);
        var name = IPAddress.TryParse(host, out _) ? UriHostNameType.IPv6 : Uri.CheckHostName(host);
        if (name == UriHostNameType.Unknown)
            return (null, "is not a host name or an address");
        if (port is null)
            return (new(host, DefaultPort), null);
        return int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= 65_535
            ? (new(host, number), null)
            : (null, "has a port that is not 1 to 65535");
    }

    private static (string Host, string? Port) Split(string text)
    {
        if (text.StartsWith('[') && text.IndexOf(']', StringComparison.Ordinal) is > 0 and var end)
        {
            var rest = text[(end + 1)..];
            return rest.Length == 0 ? (text[1..end], null) : rest[0] == ':' ? (text[1..end], rest[1..]) : (text, null);
        }

        // More than one colon without brackets: an IPv6 address, which has no port then.
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 || colon != text.LastIndexOf(':') ? (text, null) : (text[..colon], text[(colon + 1)..]);
    }
}
