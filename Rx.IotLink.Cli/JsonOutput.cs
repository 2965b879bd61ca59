using System.Globalization;
using System.Reactive.Concurrency;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Rx.IotLink.Cli;

/// <summary>
/// For programs: one JSON object a line on both streams, always with the same fields (see the help text). What is
/// escaped besides means the same in JSON.
/// </summary>
internal sealed class JsonOutput(TextWriter lines, EventQueue events, IScheduler clock, Look linesLook = default, Look eventsLook = default) : Output(lines, events)
{
    // Relaxed: these lines go into no HTML page, and people read them too.
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    protected override string LineText(ReceivedLine line)
    {
        var epoch = line.Line.Epoch.ToString("x16", CultureInfo.InvariantCulture);
        return linesLook.Bare(JsonSerializer.Serialize(new Received(line.DeviceId, line.Text, epoch, line.Line.Number), Options)) + "\n";
    }

    protected override string EventText(string name, string? id, string detail) =>
        eventsLook.Happened(JsonSerializer.Serialize(new Happened(clock.Now.UtcDateTime, name, id, detail), Options)) + "\n";

    private sealed record Received(string Id, string Line, string Epoch, ulong Number);

    private sealed record Happened(DateTime Time, string Event, string? Id, string Detail);
}
