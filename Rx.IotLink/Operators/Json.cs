using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Rx.IotLink.Protocol;

namespace Rx.IotLink;

/// <summary>JSON as single lines, and the difference between a bad line and a bad program.</summary>
internal static class Json
{
    public const string Reflection = "How T is read and written is found by reflection; give a JsonTypeInfo<T> of a source-generated context instead.";

    /// <summary>
    /// A value, or why there is none. Only faults of the line become an error of the line: broken JSON, and an
    /// exception of the constructor or a property of <typeparamref name="T"/> that rejects a value. A type that the
    /// serializer cannot handle is a fault of the program, and is thrown.
    /// </summary>
    public static JsonLine<T> Parse<T>(string line, JsonTypeInfo<T> typeInfo)
    {
        try
        {
            return JsonSerializer.Deserialize(line, typeInfo) is { } value
                ? new(line, value, Error: null)
                : new(line, default, new JsonException($"null is not a {typeof(T).Name}."));
        }
        catch (JsonException e)
        {
            return new(line, default, e);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException)
        {
            return new(line, default, new JsonException($"Not a valid {typeof(T).Name}: {Printable.Message(e.Message)}", e));
        }
    }

    /// <summary>The same from UTF-8. Only a bad line is made into a string.</summary>
    public static JsonLine<T> Parse<T>(ReadOnlySpan<byte> utf8, JsonTypeInfo<T> typeInfo)
    {
        try
        {
            if (JsonSerializer.Deserialize(utf8, typeInfo) is { } value)
                return new("", value, Error: null);
        }
        catch (Exception e) when (e is JsonException or ArgumentException or FormatException or OverflowException)
        {
            // Parsed again as text, so that both forms report a bad line in the same way.
        }

        return Parse(Encoding.UTF8.GetString(utf8), typeInfo);
    }

    /// <summary>A value as one line of ASCII, whatever the options' encoder and the type's converters write.</summary>
    public static string Line<T>(T value, JsonTypeInfo<T> typeInfo) => OneAsciiLine(JsonSerializer.Serialize(value, typeInfo));

    /// <summary>Refuses options that would make a line into several, at the call and not at the first value.</summary>
    public static JsonTypeInfo<T> RequireOneLine<T>(JsonTypeInfo<T> typeInfo)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return typeInfo.Options.WriteIndented
            ? throw new ArgumentException("WriteIndented makes several lines of one value; a link carries single lines.", nameof(typeInfo))
            : typeInfo;
    }

    /// <summary>
    /// The type's description by reflection. Default options: <see cref="JsonSerializerOptions.Web"/>.
    /// </summary>
    [RequiresUnreferencedCode(Reflection)]
    [RequiresDynamicCode(Reflection)]
    public static JsonTypeInfo<T> TypeInfo<T>(JsonSerializerOptions? options)
    {
        options ??= JsonSerializerOptions.Web;
        options.MakeReadOnly(populateMissingResolver: true);
        return (JsonTypeInfo<T>)options.GetTypeInfo(typeof(T));
    }

    /// <summary>
    /// The same JSON on one line of ASCII. A control character can only stand between tokens, where a blank means the
    /// same; a character that is not ASCII only inside a string, where its escape means the same.
    /// </summary>
    public static string OneAsciiLine(string json)
    {
        if (Ascii.IsValid(json) && !json.AsSpan().ContainsAnyInRange('\0', '\x1f'))
            return json;

        var line = new StringBuilder(json.Length + 32);
        foreach (var character in json)
        {
            if (char.IsAscii(character))
                line.Append(character < ' ' ? ' ' : character);
            else
                line.Append($"\\u{(int)character:X4}");
        }

        return line.ToString();
    }
}
