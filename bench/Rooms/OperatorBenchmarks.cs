using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using BenchmarkDotNet.Attributes;
using Rx.IotLink;

namespace Rooms;

/// <summary>The operators over lines, per line.</summary>
#pragma warning disable CA1001 // A subject holds nothing but its observers.
public class OperatorBenchmarks
#pragma warning restore CA1001
{
    private const string Line = """{"device":"d7","celsius":21.53}""";

    private static readonly byte[] Utf8 = Encoding.UTF8.GetBytes(Line);
    private static readonly Reading Value = new("d7", 21.53);

    private readonly Subject<string> fromJson = new();
    private readonly Subject<ReadOnlyMemory<byte>> fromUtf8 = new();
    private readonly Subject<string> tryFromJson = new();
    private readonly Subject<Reading> toJson = new();
    private readonly Subject<string> withoutRequests = new();
    private int count;

    [GlobalSetup]
    public void SetUp()
    {
        fromJson.FromJson(ReadingContext.Default.Reading).Subscribe(_ => count++);
        fromUtf8.FromJson(ReadingContext.Default.Reading).Subscribe(_ => count++);
        tryFromJson.TryFromJson(ReadingContext.Default.Reading).Subscribe(_ => count++);
        toJson.ToJson(ReadingContext.Default.Reading).Subscribe(_ => count++);
        withoutRequests.WithoutRequests().Subscribe(_ => count++);
    }

    [Benchmark]
    public void FromJson() => fromJson.OnNext(Line);

    [Benchmark]
    public void FromJsonOfUtf8() => fromUtf8.OnNext(Utf8);

    [Benchmark]
    public void TryFromJson() => tryFromJson.OnNext(Line);

    [Benchmark]
    public void ToJson() => toJson.OnNext(Value);

    [Benchmark]
    public void WithoutRequests() => withoutRequests.OnNext(Line);
}

/// <summary>What a device measured.</summary>
internal sealed record Reading(string Device, double Celsius);

/// <summary>How readings are read and written.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(Reading))]
internal sealed partial class ReadingContext : JsonSerializerContext;
