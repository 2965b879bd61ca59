using System.Globalization;
using System.Text;

namespace Rx.IotLink.Cli;

/// <summary>The rules of a device's id, checked before a link is used.</summary>
internal static class DeviceId
{
    public const int MaxBytes = 128;

    /// <summary>The fault of an id, as the rest of a sentence; null if there is none.</summary>
    public static string? Fault(string id)
    {
        if (id.Length == 0)
            return "is empty";
        if (Encoding.UTF8.GetByteCount(id) > MaxBytes)
            return $"is longer than {MaxBytes} bytes";
        if (id.Any(char.IsControl))
            return "has a control character";
        return id.EnumerateRunes().Any(r => Rune.GetUnicodeCategory(r) is UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator) ? "has an invisible or direction-changing character" : null;
    }
}
