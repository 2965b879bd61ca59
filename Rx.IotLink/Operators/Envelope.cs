using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Rx.IotLink;

/// <summary>
/// A line that is a request or an answer: a JSON object with exactly one of the names <c>req</c> and <c>res</c>, whose
/// value, the id, is a string or number. Everything else is a line of another kind. docs/request-response.md describes
/// the format.
/// </summary>
/// <param name="IsRequest">Request, else answer.</param>
/// <param name="Id">
/// The id as received, at most <see cref="MaxIdLength"/> characters of JSON. A responder returns it unchanged.
/// </param>
/// <param name="Body">The body; JSON's null if there is none.</param>
/// <param name="Error">What went wrong, if the answer says so. It has no meaning in a request.</param>
/// <param name="TraceParent">The trace of the requester (<c>traceparent</c>), if the request says so.</param>
internal sealed record Envelope(bool IsRequest, JsonElement Id, JsonElement Body, string? Error, string? TraceParent)
{
    public const int MaxIdLength = 64;
    private const int MaxErrorLength = 500;
    private static readonly JsonElement Null = JsonElement.Parse("null");

    /// <summary>The envelope that a line is, or null.</summary>
    public static Envelope? Parse(string line)
    {
        // Avoids parsing lines of other kinds. JSON allows escaped names ("\u0072eq"), but no peer writes them.
        if (!line.Contains("\"req\"", StringComparison.Ordinal) && !line.Contains("\"res\"", StringComparison.Ordinal))
            return null;
        try
        {
            var root = JsonElement.Parse(line);
            if (root.ValueKind != JsonValueKind.Object)
                return null;
            var isRequest = root.TryGetProperty("req", out var request);
            if (isRequest == root.TryGetProperty("res", out var response))
                return null;
            var id = isRequest ? request : response;
            if (!IsId(id))
                return null;
            var body = root.TryGetProperty("body", out var given) ? given : Null;
            // Devices that always send all names say "error": null.
            var error = root.TryGetProperty("error", out var told) && told.ValueKind != JsonValueKind.Null ? Text(told) : null;
            var trace = isRequest && root.TryGetProperty("traceparent", out var traced) && traced.ValueKind == JsonValueKind.String ? traced.GetString() : null;
            return new Envelope(isRequest, id, body, error, trace);
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            // Broken JSON, or half of a surrogate pair in the line or behind an escape in it.
            return null;
        }
    }

    /// <summary>The answer to one request that a line is, or null.</summary>
    public static Envelope? ParseAnswer(string line, string id) =>
        line.Contains(id, StringComparison.Ordinal)
        && Parse(line) is { IsRequest: false, Id.ValueKind: JsonValueKind.String } answer
        && answer.Id.ValueEquals(id)
            ? answer
            : null;

    /// <summary>A request; a trace has hex digits and dashes.</summary>
    public static string Request(string id, string json, string? traceParent) => traceParent is null
        ? $$"""{"req":"{{id}}","body":{{json}}}"""
        : $$"""{"req":"{{id}}","traceparent":"{{traceParent}}","body":{{json}}}""";

    public static string Answer(JsonElement id, string json) => Json.OneAsciiLine($$"""{"res":{{id.GetRawText()}},"body":{{json}}}""");

    public static string Failure(JsonElement id, string text)
    {
        // Runes, so that no pair is cut in two, and halves that came in become U+FFFD.
        var cut = string.Concat(text.EnumerateRunes().Take(MaxErrorLength));
        return Json.OneAsciiLine($$"""{"res":{{id.GetRawText()}},"error":{{Quote(cut)}}}""");
    }

    /// <summary>A text as JSON.</summary>
    /// <exception cref="ArgumentException">It holds half of a surrogate pair.</exception>
    public static string Quote(string text) => $"\"{JsonEncodedText.Encode(text)}\"";

    /// <summary>A body as text: the text of a JSON string, nothing for null, and any other JSON as it is.</summary>
    /// <exception cref="JsonException">It holds half of a surrogate pair.</exception>
    public static string Text(JsonElement body)
    {
        try
        {
            return body.ValueKind switch
            {
                JsonValueKind.String => body.GetString()!,
                JsonValueKind.Null => "",
                _ => body.GetRawText(),
            };
        }
        catch (InvalidOperationException e)
        {
            throw new JsonException("The body holds half of a surrogate pair.", e);
        }
    }

    /// <summary>A body as a value.</summary>
    /// <exception cref="JsonException">It is not one of <typeparamref name="T"/>.</exception>
    public static T Value<T>(JsonElement body, JsonTypeInfo<T> typeInfo) =>
        body.Deserialize(typeInfo) is { } value ? value : throw new JsonException($"The body is null, which is not a {typeof(T).Name}.");

    // Half a surrogate pair makes this throw.
    private static bool IsId(JsonElement id) =>
        id.GetRawText().Length <= MaxIdLength
        && (id.ValueKind == JsonValueKind.Number || (id.ValueKind == JsonValueKind.String && id.GetString() is not null));
}
