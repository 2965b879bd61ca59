using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>
/// The header with the client's address that a load balancer puts before the first byte of a connection: the PROXY
/// protocol, version 1 (text) and 2 (binary), https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt.
/// </summary>
/// <param name="Source">
/// The client's end point. Null: it is the balancer's own connection (a health check), or has no IP address.
/// </param>
internal sealed record ProxyHeader(IPEndPoint? Source)
{
    /// <summary>The longest header of version 1 with CR LF, from the specification.</summary>
    private const int MaxTextBytes = 107;

    /// <summary>
    /// The longest header of version 2 that is accepted: addresses and some extensions, which are ignored.
    /// </summary>
    private const int MaxBinaryBytes = 2_048;

    /// <summary>The text of the refusal for a header from an address that is not trusted.</summary>
    public const string Untrusted = "it begins with a PROXY header, which must come from one of TrustedProxies, and once";

    private const int FixedBytes = 16;

    private static readonly ProxyHeader OfNobody = new(Source: null);

    private static ReadOnlySpan<byte> Signature => "\r\n\r\n\0\r\nQUIT\n"u8;

    private static ReadOnlySpan<byte> Word => "PROXY "u8;

    /// <summary>
    /// Reads a header at the start of the bytes, and moves behind it. Null: it has not arrived completely.
    /// </summary>
    /// <exception cref="ProtocolException">There is no header, or it is malformed.</exception>
    public static ProxyHeader? TryRead(ref ReadOnlySequence<byte> bytes)
    {
        Span<byte> head = stackalloc byte[FixedBytes];
        head = head[..(int)Math.Min(bytes.Length, FixedBytes)];
        bytes.Slice(0, head.Length).CopyTo(head);
        if (MayBe(head, Signature))
            return head.Length < FixedBytes ? null : TryReadBinary(head, ref bytes);
        if (MayBe(head, Word))
            return TryReadText(ref bytes);
        throw new ProtocolException("the connection comes from a trusted proxy, but does not begin with a PROXY header");
    }

    /// <summary>Whether the bytes begin with a header, for code that does not expect one.</summary>
    public static bool Begins(in ReadOnlySequence<byte> bytes)
    {
        Span<byte> head = stackalloc byte[FixedBytes];
        head = head[..(int)Math.Min(bytes.Length, FixedBytes)];
        bytes.Slice(0, head.Length).CopyTo(head);
        return head.StartsWith(Signature) || head.StartsWith("PROXY TCP4 "u8) || head.StartsWith("PROXY TCP6 "u8) || head.StartsWith("PROXY UNKNOWN"u8);
    }

    private static ProxyHeader? TryReadText(ref ReadOnlySequence<byte> bytes)
    {
        var looked = bytes.Slice(0, Math.Min(bytes.Length, MaxTextBytes));
        if (looked.PositionOf((byte)'\n') is not { } end)
            return bytes.Length >= MaxTextBytes ? throw new ProtocolException($"a PROXY header of more than {MaxTextBytes} bytes") : null;
        var line = Encoding.ASCII.GetString(looked.Slice(0, end).ToArray());
        bytes = bytes.Slice(bytes.GetPosition(1, end));
        if (!line.EndsWith('\r'))
            throw new ProtocolException("a PROXY header that does not end in CR LF");
        var words = line[..^1].Split(' ');
        return words switch
        {
            [_, "UNKNOWN", ..] => OfNobody,
            [_, "TCP4" or "TCP6", var source, _, var port, _] when Address(source, words[1] == "TCP6") is { } address
                && ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) => new(new IPEndPoint(address, number)),
            _ => throw new ProtocolException("a PROXY header that is not 'PROXY TCP4|TCP6 source destination port port'"),
        };
    }

    /// <summary>
    /// An address as the specification writes it. The parser alone would accept others too: "1", "0x7f.1", "[::1]:80",
    /// "fe80::1%eth0".
    /// </summary>
    private static IPAddress? Address(string text, bool isVersion6)
    {
        if (!IPAddress.TryParse(text, out var address) || (address.AddressFamily == AddressFamily.InterNetworkV6) != isVersion6)
            return null;
        var isWrittenSo = isVersion6 ? text.All(c => char.IsAsciiHexDigit(c) || c is ':' or '.') : address.ToString() == text;
        return isWrittenSo ? address : null;
    }

    private static ProxyHeader? TryReadBinary(ReadOnlySpan<byte> head, ref ReadOnlySequence<byte> bytes)
    {
        var (version, command) = (head[12] >> 4, head[12] & 15);
        var length = BinaryPrimitives.ReadUInt16BigEndian(head[14..]);
        if (version != 2 || command > 1)
            throw new ProtocolException($"a PROXY header of version {version} with command {command}; 2 with 0 or 1 is known");
        if (FixedBytes + length > MaxBinaryBytes)
            throw new ProtocolException($"a PROXY header of {FixedBytes + length} bytes, the limit is {MaxBinaryBytes}");
        if (bytes.Length < FixedBytes + length)
            return null;
        var rest = bytes.Slice(FixedBytes, length).ToArray();
        bytes = bytes.Slice(FixedBytes + length);
        // The family is in the high half: 1 is IPv4, 2 is IPv6; the source comes first, and its port after both
        // addresses.
        var size = (head[13] >> 4) switch
        {
            1 => 4,
            2 => 16,
            _ => 0,
        };
        if (command == 0 || size == 0)
            return OfNobody;
        return rest.Length < 2 * size + 4
            ? throw new ProtocolException($"a PROXY header with {rest.Length} bytes of addresses, where {2 * size + 4} must be")
            : new(new IPEndPoint(new IPAddress(rest.AsSpan(0, size)), BinaryPrimitives.ReadUInt16BigEndian(rest.AsSpan(2 * size))));
    }

    /// <summary>Whether the bytes are the beginning of this mark, or begin with it.</summary>
    private static bool MayBe(ReadOnlySpan<byte> head, ReadOnlySpan<byte> mark) =>
        head.Length < mark.Length ? mark.StartsWith(head) : head.StartsWith(mark);
}
