using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Rx.IotLink;

/// <summary>
/// A line and its meaning as JSON: either <paramref name="Value"/> or <paramref name="Error"/>. Made by
/// <c>TryFromJson</c>.
/// </summary>
/// <typeparam name="T">What a line should say.</typeparam>
/// <param name="Line">The line as it came.</param>
/// <param name="Value">Its value; not null if <see cref="IsValid"/>.</param>
/// <param name="Error">Why the line is not valid JSON for <typeparamref name="T"/>; null if it is.</param>
public readonly record struct JsonLine<T>(string Line, T? Value, JsonException? Error)
{
    /// <summary>Whether the line has a value.</summary>
    [MemberNotNullWhen(true, nameof(Value))]
    [MemberNotNullWhen(false, nameof(Error))]
    public bool IsValid => Error is null;
}
