using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Rx.IotLink.Tests.Operators;

internal sealed record Reading(string Sensor, double Celsius);

internal sealed record Order(string Valve, int Percent);

internal sealed record Done(string Valve, bool Open);

/// <summary>A type with a rule of its own.</summary>
internal sealed record Percentage
{
    public Percentage(int percent)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(percent, 100);
        Percent = percent;
    }

    public int Percent { get; }
}

/// <summary>A type whose converter writes what it likes.</summary>
[JsonConverter(typeof(Converter))]
internal sealed record Raw(string Json)
{
    internal sealed class Converter : JsonConverter<Raw>
    {
        public override Raw Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException("only written");

        public override void Write(Utf8JsonWriter writer, Raw value, JsonSerializerOptions options) => writer.WriteRawValue(value.Json);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Reading))]
[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(Done))]
[JsonSerializable(typeof(Percentage))]
[JsonSerializable(typeof(Raw))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class SampleContext : JsonSerializerContext
{
    public static SampleContext Relaxed { get; } = new(new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    public static SampleContext Indented { get; } = new(new JsonSerializerOptions { WriteIndented = true });
}
