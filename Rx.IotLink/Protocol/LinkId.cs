using System.Globalization;
using System.Text;

namespace Rx.IotLink.Protocol;

/// <summary>The rules of a device's name.</summary>
internal static class LinkId
{
    public const int MaxBytes = 128;

    /// <summary>What is wrong with an id, as the rest of a sentence, or null.</summary>
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

    // Of two ids that look the same, one would be taken for the other.
    private static bool IsUnseen(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
