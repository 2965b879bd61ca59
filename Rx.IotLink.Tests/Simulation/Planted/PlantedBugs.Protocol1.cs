namespace Rx.IotLink.Tests.Simulation.Planted;

internal static partial class PlantedBugs
{
    private static PlantedBug[] OfProtocol1 =>
    [
        new("acknowledges a line when it arrives, before the application had it", [1], "Rx.IotLink/Protocol/Version1/Version1Protocol.cs",
            new Edit("unaccepted.Add(line, received.Add(mid, hash));", "var early = received.Add(mid, hash); unaccepted.Add(line, early); SayAcknowledgement(early, now);")),
        new("has no filter for repeated lines", [1], "Rx.IotLink/Protocol/Version1/Version1Protocol.cs",
            new Edit("if (received.FindRepeated(mid, hash) is { } known)", "if (received.FindRepeated(mid, hash) is { } known && mid > byte.MaxValue)")),
        new("forgets the line in flight with its connection", [1], "Rx.IotLink/Protocol/Version1/Version1Protocol.cs",
            new Edit("sent.GiveUpBestEffort();", "foreach (var line in sent.All.ToList()) sent.Acknowledge(line.Mid, now);")),
        new("never repeats a line, and lets its deadline stand", [1], "Rx.IotLink/Protocol/Version1/Version1Protocol.cs",
            new Edit("Repeat(sent.DueBy(now));", "")),
        new("sends ordered lines several at a time", [1], "Rx.IotLink/Protocol/Version1/SentLines.cs",
            new Edit("if (line.Ordering == Ordering.Ordered && exactlyOnce.Exists(l => l.Line.Ordering == Ordering.Ordered))", "if (false)")),
        new("takes any acknowledgement for that of the oldest line", [1], "Rx.IotLink/Protocol/Version1/SentLines.cs",
            new Edit("var at = lines.FindIndex(l => l.Mid == mid);", "var at = lines.Count == 0 ? -1 : 0;")),
        new("knows a line by its number alone", [1], "Rx.IotLink/Protocol/Version1/ReceivedLines.cs",
            new Edit("earlier.Hash == hash && !earlier.Settled", "!earlier.Settled")),
        new("lets its numbers begin anew at 00", [1], "Rx.IotLink/Protocol/Version1/Mid.cs",
            new Edit("mid == byte.MaxValue ? (byte)1", "mid == byte.MaxValue ? (byte)0")),
        new("acknowledges a line on another connection than the one it came on", [1], "Rx.IotLink/Protocol/Version1/ReceivedLines.cs",
            new Edit("return connected && entry.LastConnection == connection && ReferenceEquals(entries[entry.Mid], entry);", "return connected;")),
        new("repeats a line while a line of the peer is on its way", [1], "Rx.IotLink/Protocol/Version1/Version1Protocol.cs",
            new Edit("Phase.Open when isInLine => null,", ""),
            new Edit("wasInLine = now;", "")),
    ];
}
