using System.Buffers;
using System.Net;
using System.Text;
using NUnit.Framework;
using Rx.IotLink.Protocol;
using Rx.IotLink.Server;

namespace Rx.IotLink.Tests.Server;

/// <summary>The header of the PROXY protocol, both versions, byte by byte.</summary>
[TestFixture]
internal sealed class ProxyHeaderTests
{
    private static readonly byte[] Signature = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];

    private static readonly TestCaseData<byte[], string?>[] Good =
    [
        new(Text("PROXY TCP4 203.0.113.7 10.0.0.1 40001 8123\r\n"), "203.0.113.7:40001") { TestName = "Text, IPv4" },
        new(Text("PROXY TCP6 2001:db8::7 ::1 65535 8123\r\n"), "[2001:db8::7]:65535") { TestName = "Text, IPv6" },
        new(Text("PROXY UNKNOWN\r\n"), null) { TestName = "Text, unknown" },
        new(Text("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), null) { TestName = "Text, unknown with addresses" },
        new([.. Signature, 0x21, 0x11, 0, 12, 203, 0, 113, 7, 10, 0, 0, 1, 0x9c, 0x41, 0x1f, 0xbb], "203.0.113.7:40001") { TestName = "Binary, IPv4" },
        new([.. Signature, 0x21, 0x21, 0, 36, .. IPAddress.Parse("2001:db8::7").GetAddressBytes(), .. IPAddress.IPv6Loopback.GetAddressBytes(), 0, 80, 0, 81], "[2001:db8::7]:80") { TestName = "Binary, IPv6" },
        new([.. Signature, 0x20, 0x00, 0, 0], null) { TestName = "Binary, the balancer's own health check" },
        new([.. Signature, 0x21, 0x31, 0, 216, .. new byte[216]], null) { TestName = "Binary, UNIX socket" },
        new([.. Signature, 0x21, 0x11, 0, 19, 203, 0, 113, 7, 10, 0, 0, 1, 0x9c, 0x41, 0x1f, 0xbb, 4, 0, 4, 1, 2, 3, 4], "203.0.113.7:40001") { TestName = "Binary, with an extension" },
    ];

    private static readonly TestCaseData<byte[], string>[] Bad =
    [
        new(Text("pump-1\n"), "does not begin with a PROXY header") { TestName = "No header" },
        new(Text("PROXY TCP4 203.0.113.7 10.0.0.1 40001 8123\n"), "does not end in CR LF") { TestName = "LF alone" },
        new(Text("PROXY TCP4 203.0.113.7 10.0.0.1 70000 8123\r\n"), "is not 'PROXY TCP4|TCP6") { TestName = "A port too large" },
        new(Text("PROXY TCP4 2001:db8::7 ::1 1 2\r\n"), "is not 'PROXY TCP4|TCP6") { TestName = "The other family" },
        new(Text("PROXY TCP4 203.0.113 10.0.0.1 1 2\r\n"), "is not 'PROXY TCP4|TCP6") { TestName = "An address cut short" },
        new(Text("PROXY TCP4 0xcb.0.113.7 10.0.0.1 1 2\r\n"), "is not 'PROXY TCP4|TCP6") { TestName = "An address in hexadecimal" },
        new(Text("PROXY TCP4 203.0.0113.7 10.0.0.1 1 2\r\n"), "is not 'PROXY TCP4|TCP6") { TestName = "An address in octal" },
        new(Text("PROXY TCP6 [::1]:80 ::1 1 2\r\n"), "is not 'PROXY TCP4|TCP6") { TestName = "An address with brackets" },
        new(Text("PROXY TCP6 fe80::1%2 ::1 1 2\r\n"), "is not 'PROXY TCP4|TCP6") { TestName = "An address with a zone" },
        new(Text("PROXY TCP4  203.0.113.7 10.0.0.1 1 2\r\n"), "is not 'PROXY TCP4|TCP6") { TestName = "Two blanks" },
        new(Text("PROXY TCP4 203.0.113.7\r\n"), "is not 'PROXY TCP4|TCP6") { TestName = "Words missing" },
        new(Text("PROXY " + new string('x', 200)), "more than 107 bytes") { TestName = "Text without an end" },
        new([.. Signature, 0x11, 0x11, 0, 12, .. new byte[12]], "of version 1 with command 1") { TestName = "Binary of another version" },
        new([.. Signature, 0x21, 0x11, 0xff, 0xff], "of 65551 bytes, the limit is 2048") { TestName = "Binary, endless" },
        new([.. Signature, 0x21, 0x21, 0, 12, .. new byte[12]], "12 bytes of addresses, where 36 must be") { TestName = "Binary, cut short" },
    ];

    [TestCaseSource(nameof(Good))]
    public void A_header_is_read_when_its_last_byte_has_arrived(byte[] header, string? source)
    {
        for (var arrived = 0; arrived < header.Length; arrived++)
        {
            var part = new ReadOnlySequence<byte>(header, 0, arrived);
            Assert.That(ProxyHeader.TryRead(ref part), Is.Null, $"{arrived} bytes");
        }

        var all = new ReadOnlySequence<byte>([.. header, .. "pump-1\n"u8]);
        Assert.That(ProxyHeader.TryRead(ref all)!.Source?.ToString(), Is.EqualTo(source));
        Assert.That(Encoding.ASCII.GetString(all.ToArray()), Is.EqualTo("pump-1\n"), "what follows is the connection's");
    }

    [TestCaseSource(nameof(Bad))]
    public void What_is_no_header_is_refused_with_the_rule_that_it_breaks(byte[] bytes, string rule)
    {
        var all = new ReadOnlySequence<byte>(bytes);
        Assert.That(() => ProxyHeader.TryRead(ref all), Throws.InstanceOf<ProtocolException>().With.Message.Contains(rule));
    }

    private static byte[] Text(string text) => Encoding.ASCII.GetBytes(text);
}
