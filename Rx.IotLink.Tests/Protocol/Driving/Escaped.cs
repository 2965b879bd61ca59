using System.Globalization;
using System.Text;

namespace Rx.IotLink.Tests.Protocol.Driving;

/// <summary>
/// Bytes as readable text: printable ASCII stands for itself; <c>\n</c>, <c>\r</c>, <c>\\</c> and <c>\xNN</c> for the
/// rest.
/// </summary>
internal static class Escaped
{
    public static byte[] ToBytes(string text)
    {
        var bytes = new List<byte>(text.Length);
        for (var at = 0; at < text.Length; at++)
        {
            if (text[at] != '\\')
            {
                bytes.Add((byte)text[at]);
                continue;
            }

            at++;
            bytes.Add(text[at] switch
            {
                'n' => (byte)'\n',
                'r' => (byte)'\r',
                '\\' => (byte)'\\',
                'x' => byte.Parse(text.AsSpan(at + 1, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture),
                var other => throw new FormatException($"\\{other} means nothing."),
            });
            at += text[at] == 'x' ? 2 : 0;
        }

        return [.. bytes];
    }

    public static string FromBytes(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        foreach (var b in bytes)
        {
            text.Append(b switch
            {
                (byte)'\n' => "\\n",
                (byte)'\r' => "\\r",
                (byte)'\\' => "\\\\",
                >= 0x20 and < 0x7f => ((char)b).ToString(),
                _ => $"\\x{b:x2}",
            });
        }

        return text.ToString();
    }
}
