namespace Rx.IotLink.Tests.Simulation.Planted;

internal static partial class PlantedBugs
{
    private const string Receiver = "Rx.IotLink/Protocol/Version2/Receiver.cs";

    private const string GivingUp = "Rx.IotLink/Engine/LinkEngine.GivingUp.cs";

    /// <summary>
    /// Mistakes with lines that are dropped before they are sent: only lives with such lines show them.
    /// </summary>
    private static PlantedBug[] OfGivenUpLines =>
    [
        new("delivers a line after its time to live", Both, GivingUp,
            new Edit("for (; !IsFinal && outbox.FirstExpired(now)", "for (; IsFinal && outbox.FirstExpired(now)"),
            new Edit("if (line.Expires <= now)\n", "if (line.Expires <= TimeSpan.Zero)\n")),
        new("drops a line before its time", Both, GivingUp, new Edit("line.Expires = now + most;", "line.Expires = now + (most / 2);")),
        new("reports a line as dropped that was sent", Both, GivingUp,
            new Edit("            older.Line.IsSuperseded = true;", "            Done(older.Line, Outcome.Replaced);")),
        new("loses both lines where one replaces the other", Both, GivingUp,
            new Edit("            GiveUpReplaced(waits);", "        {\n            GiveUpReplaced(waits);\n            outbox.Remove(newer);\n        }\n")),
        new("replaces a line of another key", Both, "Rx.IotLink/Link/PendingWrite.cs",
            new Edit("public override string? Key => options.Key;", "public override string? Key => options.Key is null ? null : \"any\";")),
        new("forgets over a restart that a line has a time to live", Both, "Rx.IotLink/Protocol/KeptSession.cs",
            new Edit("line.Position, line.Expires);", "line.Position);")),
        new("sends nothing under the number of a line that is given up", [2], "Rx.IotLink/Protocol/Version2/Sender.cs",
            new Edit("WriteMark(output, '#', next);", "output.Advance(0);")),
        new("does not count a number that has no line", [2], Receiver,
            new Edit("        else if ((saving?.Last ?? Accepted) == Arrived)\n            Accept(peer, peer!.Arrive());\n        else\n            peer!.GiveUp();", "")),
        new("says that a line is dropped before the store knows it", [2], GivingUp,
            new Edit("        kept!.GivenUp.Enqueue(line);", "        Tell(line);")),
    ];
}
