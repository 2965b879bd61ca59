using System.Diagnostics.CodeAnalysis;
using System.Reactive.Linq;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Rx.IotLink;

public static partial class JsonOperators
{
    /// <summary>
    /// Reads each line as JSON. It reports a bad line to <paramref name="onBadLine"/> and skips it: one garbled line of
    /// a device must not end its stream.
    /// </summary>
    /// <typeparam name="T">What a line should say.</typeparam>
    /// <param name="lines">The lines, one JSON text each.</param>
    /// <param name="typeInfo">How <typeparamref name="T"/> is read, from a source-generated context.</param>
    /// <param name="onBadLine">
    /// Called with each bad line and its error, before the next line is read. Default: none. An exception that it
    /// throws ends the stream as <c>OnError</c>. So it can throw the given exception to make bad lines fatal.
    /// </param>
    /// <remarks>
    /// <see cref="TryFromJson{T}(IObservable{string}, JsonTypeInfo{T})"/> gives every line and says which lines are
    /// bad. Lines of other kinds on the same link are bad lines too, unless their JSON happens to fit: see
    /// <see cref="RequestOperators.WithoutRequests"/>.
    /// </remarks>
    /// <exception cref="ArgumentNullException">
    /// <paramref name="lines"/> or <paramref name="typeInfo"/> is null.
    /// </exception>
    public static IObservable<T> FromJson<T>(this IObservable<string> lines, JsonTypeInfo<T> typeInfo, Action<string, JsonException>? onBadLine = null) =>
        lines.TryFromJson(typeInfo)
            .Where(line =>
            {
                if (line.Error is { } error)
                    onBadLine?.Invoke(line.Line, error);
                return line.IsValid;
            })
            .Select(line => line.Value!);

    /// <summary>The same for <see cref="ILink.Utf8Lines"/>. Only a bad line is made into a string.</summary>
    /// <typeparam name="T">The type of a line's value. It must not keep the bytes that it is read from.</typeparam>
    /// <param name="utf8Lines">The lines, one JSON text each.</param>
    /// <param name="typeInfo">How <typeparamref name="T"/> is read, from a source-generated context.</param>
    /// <param name="onBadLine">
    /// Called with each bad line and its error. Default: none. An exception that it throws ends the stream as
    /// <c>OnError</c>.
    /// </param>
    /// <exception cref="ArgumentNullException">
    /// <paramref name="utf8Lines"/> or <paramref name="typeInfo"/> is null.
    /// </exception>
    public static IObservable<T> FromJson<T>(this IObservable<ReadOnlyMemory<byte>> utf8Lines, JsonTypeInfo<T> typeInfo, Action<string, JsonException>? onBadLine = null)
    {
        ArgumentNullException.ThrowIfNull(utf8Lines);
        ArgumentNullException.ThrowIfNull(typeInfo);
        return utf8Lines
            .Select(utf8 => Json.Parse(utf8.Span, typeInfo))
            .Where(line =>
            {
                if (line.Error is { } error)
                    onBadLine?.Invoke(line.Line, error);
                return line.IsValid;
            })
            .Select(line => line.Value!);
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
    /// <param name="onBadLine">
    /// Called with each bad line and its error. Default: none. An exception that it throws ends the stream as
    /// <c>OnError</c>.
    /// </param>
    /// <exception cref="ArgumentNullException"><paramref name="lines"/> is null.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> cannot be read from JSON.</exception>
    [RequiresUnreferencedCode(Json.Reflection)]
    [RequiresDynamicCode(Json.Reflection)]
    public static IObservable<T> FromJson<T>(this IObservable<string> lines, JsonSerializerOptions? options = null, Action<string, JsonException>? onBadLine = null) =>
        lines.FromJson(Json.TypeInfo<T>(options), onBadLine);
}
