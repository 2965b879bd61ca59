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
                "(saving ??= new()).Add(host.Save(new(SessionRecordKind.Accept, Number: number, Epoch: of.Epoch)), number);",
                "{ host.Save(new(SessionRecordKind.Accept, Number: number, Epoch: of.Epoch)); Count(number); }")),
        new("sends a line that is not kept yet", [2], "Rx.IotLink/Protocol/Version2/Sender.cs",
            new Edit("(ulong)window && next <= kept && NextProcessKnows(next);", "(ulong)window && NextProcessKnows(next);"),
            new Edit("number < ring.Next && number <= kept;", "number < ring.Next;")),
        new("writes the records that gathered in the wrong order", [2], "Rx.IotLink/Link/Journal.cs",
            new Edit("batch.Add(new(Claim, entries[inBatch].Record));", "batch.Add(new(Claim, entries[entries.Count - 1 - inBatch].Record));")),
        new("gives up what the store failed to keep", [2], "Rx.IotLink/Link/Journal.cs",
            new Edit("(inBatch, HasFailed) = (0, true);", "entries.RemoveRange(0, inBatch); (inBatch, HasFailed) = (0, true);")),
        new("takes for kept what the store failed to keep", [2], "Rx.IotLink/Link/StoreJournal.cs",
            new Edit("            return failure = exception;", "            failure = exception;\n            return null;")),
        new("never tries the store again", [2], "Rx.IotLink/Link/Journal.cs",
            new Edit("due = retryAt = deadlines.Now + pause;", "retryAt = TimeSpan.MaxValue;")),
        new("keeps a line only while there is a connection", [2], "Rx.IotLink/Engine/LinkEngine.Storing.cs",
            new Edit("        line.Record = Save(", "        if (output is not null)\n            line.Record = Save(")),
        new("gives lines of a new process the positions of kept ones", [2], "Rx.IotLink/Protocol/KeptSession.cs",
            new Edit("outbox.Restore(Memory.LastPosition);", "outbox.Restore(0);")),
        new("strikes out one line more than the peer has accepted", [2], "Rx.IotLink/Protocol/Version2/Sender.cs",
            new Edit("Position: (long)position, Number: number)", "Position: (long)position + 1, Number: number)")),
        new("answers an opening before its epoch is kept", [2], "Rx.IotLink/Protocol/Version2/Version2Protocol.cs",
            new Edit("if (unanswered is not { Offer: var theirs } || begun > saved)", "if (unanswered is not { Offer: var theirs })")),
        new("begins with the wrong number after a restart", [2], "Rx.IotLink/Protocol/Version2/Sender.cs",
            new Edit("ring.BeginWith(memory.First);", "ring.BeginWith(memory.First + 1);")),
    ];
}
