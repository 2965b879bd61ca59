using System.Globalization;
using System.Reactive.Concurrency;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Rx.IotLink.Cli;

/// <summary>
/// For programs: one JSON object a line on both streams, always with the same fields (see the help text). What is
/// escaped besides means the same in JSON.
/// </summary>
internal sealed class JsonOutput(TextWriter lines, EventQueue events, IScheduler clock, Look linesLook = default, Look eventsLook = default) : Output(lines, events)
{
    // Relaxed: these lines go into no HTML page, and people read them too.
    private static readonly JsonOutputContext Json = new(new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    protected override string LineText(ReceivedLine line)
    {
        var epoch = line.Line.Epoch.ToString("x16", CultureInfo.InvariantCulture);
        return linesLook.Bare(JsonSerializer.Serialize(new ReceivedJson(line.DeviceId, line.Text, epoch, line.Line.Number), Json.ReceivedJson)) + "\n";
    }

    protected override string EventText(string name, string? id, string detail) =>
        eventsLook.Happened(JsonSerializer.Serialize(new HappenedJson(clock.Now.UtcDateTime, name, id, detail), Json.HappenedJson)) + "\n";
}

/// <summary>A received line.</summary>
internal sealed record ReceivedJson(string Id, string Line, string Epoch, ulong Number);

/// <summary>An event.</summary>
internal sealed record HappenedJson(DateTime Time, string Event, string? Id, string Detail);

/// <summary>Made at compile time: the native binary has no reflection for this.</summary>
[JsonSerializable(typeof(ReceivedJson))]
[JsonSerializable(typeof(HappenedJson))]
internal sealed partial class JsonOutputContext : JsonSerializerContext;
