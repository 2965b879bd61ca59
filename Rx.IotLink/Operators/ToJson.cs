using System.Diagnostics.CodeAnalysis;
using System.Reactive.Linq;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Rx.IotLink;

public static partial class JsonOperators
{
    /// <summary>
    /// A value as one line of JSON, without a line feed and in ASCII only. Other characters are escaped
    /// (<c>\u00E9</c>), with any encoder of the options, since a micropython-iot peer cannot read a character that is
    /// split over two packets.
    /// </summary>
    /// <typeparam name="T">What the line says.</typeparam>
    /// <param name="value">The value; null is written as <c>null</c>.</param>
    /// <param name="typeInfo">How <typeparamref name="T"/> is written, from a source-generated context.</param>
    /// <remarks>
    /// This method does not check the length of the line: the link refuses a line that is longer than
    /// <see cref="LinkOptions.MaxLineBytes"/>.
    /// </remarks>
    /// <exception cref="ArgumentNullException"><paramref name="typeInfo"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// The options say <see cref="JsonSerializerOptions.WriteIndented"/>, or the value has no JSON (a number that is
    /// not finite).
    /// </exception>
    public static string ToJson<T>(this T value, JsonTypeInfo<T> typeInfo) => Json.Line(value, Json.RequireOneLine(typeInfo));

    /// <summary>
    /// The same with reflection: convenient where the program is neither trimmed nor compiled ahead of time.
    /// </summary>
    /// <typeparam name="T">
    /// The type of the value for the compiler: own properties of a derived type are left out.
    /// </typeparam>
    /// <param name="value">The value; null is written as <c>null</c>.</param>
    /// <param name="options">
    /// How JSON is written. Default: <see cref="JsonSerializerOptions.Web"/> (<c>Celsius</c> becomes <c>"celsius"</c>).
    /// Made read-only.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The options say <see cref="JsonSerializerOptions.WriteIndented"/>, or the value has no JSON.
    /// </exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> cannot be written as JSON.</exception>
    [RequiresUnreferencedCode(Json.Reflection)]
    [RequiresDynamicCode(Json.Reflection)]
    public static string ToJson<T>(this T value, JsonSerializerOptions? options = null) => value.ToJson(Json.TypeInfo<T>(options));

    /// <summary>Each value as one line of JSON: see <see cref="ToJson{T}(T, JsonTypeInfo{T})"/>.</summary>
    /// <typeparam name="T">What a line says.</typeparam>
    /// <param name="values">The values.</param>
    /// <param name="typeInfo">How <typeparamref name="T"/> is written, from a source-generated context.</param>
    /// <remarks>
    /// A value that has no JSON (such as a number that is not finite) ends the stream with the serializer's exception.
    /// </remarks>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// The options say <see cref="JsonSerializerOptions.WriteIndented"/>.
    /// </exception>
    public static IObservable<string> ToJson<T>(this IObservable<T> values, JsonTypeInfo<T> typeInfo)
    {
        ArgumentNullException.ThrowIfNull(values);
        Json.RequireOneLine(typeInfo);
        return values.Select(value => Json.Line(value, typeInfo));
    }

    /// <summary>
    /// The same with reflection: convenient where the program is neither trimmed nor compiled ahead of time.
    /// </summary>
    /// <typeparam name="T">What a line says.</typeparam>
    /// <param name="values">The values.</param>
    /// <param name="options">
    /// How JSON is written. Default: <see cref="JsonSerializerOptions.Web"/> (<c>Celsius</c> becomes <c>"celsius"</c>).
    /// Made read-only.
    /// </param>
    /// <exception cref="ArgumentNullException"><paramref name="values"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// The options say <see cref="JsonSerializerOptions.WriteIndented"/>.
    /// </exception>
    /// <exception cref="NotSupportedException"><typeparamref name="T"/> cannot be written as JSON.</exception>
    [OverloadResolutionPriority(1)] // else a Subject<T> would itself be taken for the value
    [RequiresUnreferencedCode(Json.Reflection)]
    [RequiresDynamicCode(Json.Reflection)]
    public static IObservable<string> ToJson<T>(this IObservable<T> values, JsonSerializerOptions? options = null) => values.ToJson(Json.TypeInfo<T>(options));
}
