using System.Text;
using System.Text.Json;

namespace Rx.IotLink.Cli;

/// <summary>
/// A line of the input as <c>--json</c> prints those of the output: <c>{"id":ID,"line":LINE}</c>; of a device also
/// <c>"ttl":SECONDS</c> and <c>"key":KEY</c>. Further fields are ignored.
/// </summary>
internal static class JsonInput
{
    // A character of one byte may be written as six.
    private const int BytesAsEscape = 6;
    private const int Frame = 1_024;

    // A name that comes twice would say two things.
    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false };

    /// <summary>The longest line of the input that can be right.</summary>
    public static int MaxBytes(int maxLineBytes) => (BytesAsEscape * (DeviceId.MaxBytes + maxLineBytes)) + Frame;

    /// <summary>Reads one, or says what is wrong with it as a clause of a sentence.</summary>
    /// <param name="text">The line of the input.</param>
    /// <param name="maxLineBytes">The longest line a link carries.</param>
    /// <param name="emptyIsLine">Whether it carries an empty one.</param>
    /// <param name="id">The only id that it may have, which it may leave out; null: it must say one.</param>
    public static (AddressedLine? Line, string? Fault) Parse(string text, int maxLineBytes, bool emptyIsLine, string? id = null)
    {
        try
        {
            using var json = JsonDocument.Parse(text, Options);
            if (json.RootElement.ValueKind != JsonValueKind.Object)
                return (null, "it is no JSON object");
            var (said, idFault) = id is not null && !json.RootElement.TryGetProperty("id", out _) ? (id, null) : Text(json.RootElement, "id");
            if (said is null)
                return (null, idFault);
            var (line, lineFault) = Text(json.RootElement, "line");
            if (line is null)
                return (null, lineFault);
            var (checkedLine, fault) = Check(said, line, maxLineBytes, emptyIsLine, id);
            return checkedLine is null ? (checkedLine, fault) : Limit(checkedLine, json.RootElement);
        }
        catch (JsonException e)
        {
            return (null, $"it is not JSON: {e.Message}");
        }
    }

    private static (AddressedLine? Line, string? Fault) Check(string id, string line, int maxLineBytes, bool emptyIsLine, string? only)
    {
        if (DeviceId.Fault(id) is { } fault)
            return (null, $"its id {fault}");
        if (only is not null && id != only)
            return (null, $"its id is '{id}', not that of this device");
        if (line.Contains('\n', StringComparison.Ordinal))
            return (null, "its line has a line feed, which would make it two");
        if (line.Length == 0 && !emptyIsLine)
            return (null, "its line is empty");
        return Encoding.UTF8.GetByteCount(line) > maxLineBytes ? (null, $"its line has more than {maxLineBytes} bytes") : (new(id, line), null);
    }

    private static (AddressedLine? Line, string? Fault) Limit(AddressedLine line, JsonElement json)
    {
        if (json.TryGetProperty("ttl", out var ttl))
        {
            if (ttl.ValueKind != JsonValueKind.Number || !ttl.TryGetDouble(out var seconds) || seconds is not (>= 0.001 and <= Cli.Options.MostSeconds))
                return (null, $"its \"ttl\" is no number of seconds from 0.001 to {Cli.Options.MostSeconds}");
            line = line with { TimeToLive = TimeSpan.FromSeconds(seconds) };
        }

        if (!json.TryGetProperty("key", out _))
            return (line, null);
        var (key, fault) = Text(json, "key");
        if (key is null)
            return (null, fault);
        return Cli.Options.IsKey(key) ? (line with { Key = key }, null) : (null, $"its \"key\" does not have 1 to {Cli.Options.MaxKeyBytes} bytes");
    }

    private static (string? Text, string? Fault) Text(JsonElement json, string name)
    {
        if (!json.TryGetProperty(name, out var value) || value.ValueKind != JsonValueKind.String)
            return (null, $"it has no text \"{name}\", it must be {{\"id\":ID,\"line\":LINE}}");
        try
        {
            return (value.GetString(), null);
        }
        catch (InvalidOperationException)
        {
            return (null, $"its \"{name}\" has half of a surrogate pair, which UTF-8 cannot carry");
        }
    }
}
