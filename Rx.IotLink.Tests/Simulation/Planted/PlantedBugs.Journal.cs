namespace Rx.IotLink.Tests.Simulation.Planted;

internal static partial class PlantedBugs
{
    /// <summary>
    /// Mistakes in what is kept, and in what waits for it: only disks that break, and crashes, show them.
    /// </summary>
    private static PlantedBug[] OfTheJournal =>
    [
        new("acknowledges what is not kept yet", [2], "Rx.IotLink/Protocol/Version2/Receiver.cs",
            new Edit(
                "saving.Add(host.Save(SessionRecord.Accept(PeerEpoch!.Value, number)), number);",
                "{ host.Save(SessionRecord.Accept(PeerEpoch!.Value, number)); Count(number); }")),
        new("sends a line that is not kept yet", [2], "Rx.IotLink/Protocol/Version2/Sender.cs",
            new Edit("next - ring.First < (ulong)window && next <= kept;", "next - ring.First < (ulong)window;"),
            new Edit("number < ring.Next && number <= kept;", "number < ring.Next;")),
        new("writes the records that gathered in the wrong order", [2], "Rx.IotLink/Link/Journal.cs",
            new Edit("Write(writing[written].Record);", "Write(writing[writing.Count - 1 - written].Record);")),
        new("gives up a record that the store failed to keep", [2], "Rx.IotLink/Link/Journal.cs",
            new Edit("writing.RemoveRange(0, written);", "writing.RemoveRange(0, written + 1);")),
        new("takes all for kept when a part of it is", [2], "Rx.IotLink/Link/Journal.cs",
            new Edit("saved = written > 0 ? writing[written - 1].Place : null;", "saved = writing[^1].Place;")),
        new("never tries the store again", [2], "Rx.IotLink/Link/Journal.cs",
            new Edit("due = retryAt = deadlines.Now + pause;", "retryAt = TimeSpan.MaxValue;")),
    ];
}
