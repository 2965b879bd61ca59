using System.Globalization;
using System.Text;

namespace Rx.IotLink.Protocol;

/// <summary>The rules of a device's name.</summary>
internal static class LinkId
{
    public const int MaxBytes = 128;

    /// <summary>The fault of an id, as the rest of a sentence; null if there is none.</summary>
    public static string? Fault(string id, int maxBytes)
    {
        if (id.Length == 0)
            return "is empty";
        if (Utf8.ByteCount(id) is not { } bytes)
            return "is not valid text: it has half of a surrogate pair";
        if (bytes > maxBytes)
            return $"has {bytes} bytes of UTF-8, the limit is {maxBytes}";
        if (id[^1] == '\r')
            return "ends in CR: lines end in LF alone";
        foreach (var rune in id.EnumerateRunes())
        {
            if (Rune.IsControl(rune))
                return "has a control character";
            if (IsUnseen(rune))
                return $"has the invisible or direction-changing character U+{rune.Value:X4}";
        }

        return null;
    }

    // People would confuse two ids that look the same. Beside the categories, this excludes the characters that Unicode
    // calls ignorable by default (joiners, Hangul fillers, variation selectors, tags) and the empty Braille cell.
    private static bool IsUnseen(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        || rune.Value is 0x34F or 0x115F or 0x1160 or 0x17B4 or 0x17B5 or (>= 0x180B and <= 0x180F) or 0x2065 or 0x2800 or 0x3164
            or (>= 0xFE00 and <= 0xFE0F) or 0xFFA0 or (>= 0xFFF0 and <= 0xFFF8) or (>= 0xE0000 and <= 0xE0FFF);
}
