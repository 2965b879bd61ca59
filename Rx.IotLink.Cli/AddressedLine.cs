using System.Text;

namespace Rx.IotLink.Cli;

/// <summary>
/// A line for one device, as <c>iotlink serve</c> reads it: <c>ID TAB line</c>, or JSON (see <see cref="JsonInput"/>).
/// </summary>
internal sealed record AddressedLine(string Id, string Text)
{
    /// <summary>How long it may wait to be sent; null: as the options say.</summary>
    public TimeSpan? TimeToLive { get; init; }

    /// <summary>What it is about, where only the last line counts; null: as the options say.</summary>
    public string? Key { get; init; }

    /// <summary>The options with which it is written: what it says itself goes first.</summary>
    public WriteOptions Options(WriteOptions others) => TimeToLive is null && Key is null
        ? others
        : others with { TimeToLive = TimeToLive ?? others.TimeToLive, Key = Key ?? others.Key };

    /// <summary>The longest valid line of the input.</summary>
    public static int MaxBytes(int maxLineBytes) => DeviceId.MaxBytes + 1 + maxLineBytes;

    /// <summary>
    /// Reads one, or gives its fault as a clause of a sentence. An empty text after the TAB is a line only with
    /// protocol 2 alone.
    /// </summary>
    public static (AddressedLine? Line, string? Fault) Parse(string text, int maxLineBytes, bool emptyIsLine = false)
    {
        var tab = text.IndexOf('\t', StringComparison.Ordinal);
        if (tab < 0)
            return (null, "it has no TAB, it must be ID TAB line");
        if (DeviceId.Fault(text[..tab]) is { } fault)
            return (null, $"its id {fault}");
        if (tab == text.Length - 1 && !emptyIsLine)
            return (null, "nothing follows its TAB");
        return Encoding.UTF8.GetByteCount(text.AsSpan(tab + 1)) > maxLineBytes
            ? (null, $"it has more than {maxLineBytes} bytes after its TAB")
            : (new(text[..tab], text[(tab + 1)..]), null);
    }
}
