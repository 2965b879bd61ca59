namespace Rx.IotLink.Tests.Simulation.Planted;

internal static partial class PlantedBugs
{
    private static PlantedBug[] OfProtocol2 =>
    [
        new("acknowledges a line when it arrives, before the application had it", [2], "Rx.IotLink/Protocol/Version2/Receiver.cs",
            new Edit("waiting.Enqueue(++Arrived);", "{ waiting.Enqueue(++Arrived); Accepted = Arrived; AcknowledgementDue = true; }")),
        new("has no filter for repeated lines", [2], "Rx.IotLink/Protocol/Version2/Receiver.cs",
            new Edit("switch ((short)(low - (ushort)Arrived))", "switch (Math.Max((short)1, (short)(low - (ushort)Arrived)))")),
        new("takes a line for the missing one before it", [2], "Rx.IotLink/Protocol/Version2/Receiver.cs",
            new Edit("switch ((short)(low - (ushort)Arrived))", "switch (Math.Min((short)1, (short)(low - (ushort)Arrived)))")),
        new("counts a peer's old lines among those of its new memory", [2], "Rx.IotLink/Protocol/Version2/Receiver.cs",
            new Edit("waiting = new(waiting.Select(_ => 0UL));\n            PeerEpoch", "PeerEpoch")),
        new("does not keep what it has accepted", [2], "Rx.IotLink/Protocol/Version2/Receiver.cs",
            new Edit("store.Accept(PeerEpoch!.Value, number);", "")),
        new("comes back and expects the line before", [2], "Rx.IotLink/Protocol/Version2/Receiver.cs",
            new Edit("Accepted = Arrived = memory.Accepted;", "Accepted = Arrived = memory.Accepted - 1;")),
        new("comes back and expects the line after", [2], "Rx.IotLink/Protocol/Version2/Receiver.cs",
            new Edit("Accepted = Arrived = memory.Accepted;", "Accepted = Arrived = memory.Accepted + 1;")),
        new("forgets the unacknowledged lines when it connects again", [2], "Rx.IotLink/Protocol/Version2/Sender.cs",
            new Edit("window = peerWindow;", "window = peerWindow; while (ring.Count > 0) ring.RemoveFirst();")),
        new("takes one line more as accepted than was acknowledged", [2], "Rx.IotLink/Protocol/Version2/Sender.cs",
            new Edit("while (ring.First <= number)", "while (ring.First <= number + 1 && ring.Count > 0)")),
        new("says on resuming that all that has arrived was accepted", [2], "Rx.IotLink/Protocol/Version2/Version2Protocol.cs",
            new Edit("receiver.PeerEpoch, receiver.Accepted, receiver.Arrived", "receiver.PeerEpoch, receiver.Arrived, receiver.Arrived")),
        new("sends one line more than the window", [2], "Rx.IotLink/Protocol/Version2/Sender.cs",
            new Edit("ring.Count < window", "ring.Count <= window"),
            new Edit("next - ring.First < (ulong)window", "next - ring.First <= (ulong)window")),
        new("offers a window of one line more than its inbox", [2], "Rx.IotLink/Link/Protocols.cs",
            new Edit("Window = Math.Min(options.InboxLines, SessionOffer.MaxWindow),", "Window = options.InboxLines + 1,")),
        new("does not keep a line that it sends", [2], "Rx.IotLink/Protocol/Version2/Sender.cs",
            new Edit("store.Add(ring.Next, line.Text);", "")),
        new("repeats a best-effort line when it connects again", [2], "Rx.IotLink/Protocol/Version2/Sender.cs",
            new Edit("private int window;", "private int window; private OutLine? last;"),
            new Edit("host.Finished(line);", "host.Finished(line); last = line;"),
            new Edit("window = peerWindow;", "window = peerWindow; if (last is not null) outbox.PutBack([last]);")),
        new("takes the 16 bits on the wire for the rest of a number of today", [2], "Rx.IotLink/Protocol/Version2/Sender.cs",
            new Edit("ring.Next + (ulong)(long)(short)(low - (ushort)ring.Next)", "(ring.Next & ~0xFFFFUL) | low")),
        new("confuses the lines in flight when there are more than ever before", [2], "Rx.IotLink/Protocol/Version2/SentRing.cs",
            new Edit("larger[at] = lines[(head + at) & (lines.Length - 1)];", "larger[at] = lines[at];")),
    ];
}
