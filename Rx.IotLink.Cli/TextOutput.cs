namespace Rx.IotLink.Cli;

/// <summary>
/// For people and pipes: the line as it is, or <c>ID TAB line</c> where there are many; one sentence for each event.
/// </summary>
internal sealed class TextOutput(TextWriter lines, EventQueue events, bool withIds, Look linesLook = default, Look eventsLook = default) : Output(lines, events)
{
    protected override string LineText(ReceivedLine line) => linesLook.Received(withIds ? $"{line.DeviceId}\t{line.Text}" : line.Text) + "\n";

    // Text of others may be in it (the id of an unknown device, an error of the system): it stays one line.
    protected override string EventText(string name, string? id, string detail) => eventsLook.Happened(Sentence(name, id, detail).ReplaceLineEndings(" ")) + "\n";

    private static string Sentence(string name, string? id, string detail) => (name, id) switch
    {
        ("listening", _) => $"listening on {detail}",
        ("page", _) => $"page on {detail}",
        ("mqtt" or "webhook", _) => $"{name}: {detail}",
        ("warning", _) => $"iotlink: warning: {detail}",
        ("error", _) => $"iotlink: {detail}",
        ("up", _) => $"{id} up ({detail})",
        (_, null) => name is "refused" ? $"refused: {detail}" : detail,
        _ => detail.Length == 0 ? $"{id} {name}" : $"{id} {name}: {detail}",
    };
}
