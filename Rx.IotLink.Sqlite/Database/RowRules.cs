using System.Text;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Sqlite.Database;

/// <summary>
/// The rules of rows whose checksums are right. Another program can compute those too, and SQLite holds a text to no
/// rule.
/// </summary>
internal static class RowRules
{
    /// <summary>The longest line that any option allows.</summary>
    private const int MaxLineBytes = 1_048_576;

    private static readonly long Earliest = DateTimeOffset.MinValue.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks;
    private static readonly long Latest = DateTimeOffset.MaxValue.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks;

    /// <summary>A line that follows the rules.</summary>
    /// <param name="id">The device.</param>
    /// <param name="after">The position before it.</param>
    /// <param name="last">The greatest position that a line of the device ever had.</param>
    /// <param name="position">Its position.</param>
    /// <param name="text">Its text.</param>
    /// <param name="expires">When it expires.</param>
    /// <param name="key">Its key, or null.</param>
    /// <param name="faults">Makes the exception.</param>
    /// <exception cref="SessionStoreException">It breaks one.</exception>
    public static StoredLine Line(string id, long after, long last, long position, ReadOnlySpan<byte> text, long? expires, byte[]? key, StoreFaults faults)
    {
        if (expires < Earliest || expires > Latest)
            throw faults.Damaged($"{At(id, position)} expires at {expires}, which is no time");
        var line = new StoredLine(
            position, Text(text, id, position, "text", faults), expires is { } ticks ? DateTimeOffset.UnixEpoch.AddTicks(ticks) : null,
            key is null ? null : Text(key, id, position, "key", faults));
        return StoredRules.FaultOf(line, id, after, last, MaxLineBytes) is { } fault ? throw faults.Damaged(fault) : line;
    }

    /// <summary>A key that follows the rules.</summary>
    /// <exception cref="SessionStoreException">It breaks one.</exception>
    public static string Key(ReadOnlySpan<byte> key, string id, long position, StoreFaults faults) => Text(key, id, position, "key", faults);

    private static string Text(ReadOnlySpan<byte> utf8, string id, long position, string what, StoreFaults faults) =>
        Utf8.Decode(utf8) ?? throw faults.Damaged($"{At(id, position)} has a {what} that is not UTF-8 ('{Printable.Of(Encoding.UTF8.GetString(utf8), 40)}')");

    private static string At(string id, long position) => $"is damaged: the line at position {position} of '{Printable.Of(id)}'";
}
