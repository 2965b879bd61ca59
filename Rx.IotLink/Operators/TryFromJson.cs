using System.Diagnostics.CodeAnalysis;
using System.Reactive.Linq;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Rx.IotLink;

/// <summary>Operators that convert lines to values and back, as JSON.</summary>
public static partial class JsonOperators
{
    /// <summary>
    /// Reads each line as JSON, and gives a value or an error for it. It leaves no line out, and no line ends the
    /// stream.
    /// </summary>
    /// <typeparam name="T">What a line should say.</typeparam>
    /// <param name="lines">The lines, one JSON text each.</param>
    /// <param name="typeInfo">How <typeparamref name="T"/> is read, from a source-generated context.</param>
    /// <remarks>
    /// A line is bad if it is not JSON, not JSON for <typeparamref name="T"/>, <c>null</c>, or has a value that
    /// <typeparamref name="T"/> itself rejects: its constructor or a property throws <see cref="ArgumentException"/>,
    /// <see cref="FormatException"/> or <see cref="OverflowException"/>. Any other exception of the serializer (such as
    /// <see cref="NotSupportedException"/>) is not a fault of the line and comes as <c>OnError</c>.
    /// </remarks>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static IObservable<JsonLine<T>> TryFromJson<T>(this IObservable<string> lines, JsonTypeInfo<T> typeInfo)
    {
        ArgumentNullException.ThrowIfNull(lines);
        ArgumentNullException.ThrowIfNull(typeInfo);
        return lines.Select(line => Json.Parse(line, typeInfo));
    }

    /// <summary>
    /// The same with reflection: convenient where the program is neither trimmed nor compiled ahead of time.
    /// </summary>
    /// <typeparam name="T">What a line should say.</typeparam>
    /// <param name="lines">The lines, one JSON text each.</param>
    /// <param name="options">
    /// How JSON is read. Default: <see cref="JsonSerializerOptions.Web"/>, so that a device's <c>"celsius"</c> finds
    /// the property <c>Celsius</c>. Made read-only.
    /// </param>
    /// <exception cref="ArgumentNullException"><paramref name="lines"/> is null.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> cannot be read from JSON.</exception>
    [RequiresUnreferencedCode(Json.Reflection)]
    [RequiresDynamicCode(Json.Reflection)]
    public static IObservable<JsonLine<T>> TryFromJson<T>(this IObservable<string> lines, JsonSerializerOptions? options = null) =>
        lines.TryFromJson(Json.TypeInfo<T>(options));
}
