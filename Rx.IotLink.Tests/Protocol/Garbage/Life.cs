using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using Rx.IotLink.Protocol;
using Rx.IotLink.Tests.Protocol.Driving;

namespace Rx.IotLink.Tests.Protocol.Garbage;

/// <summary>What can happen to one end.</summary>
internal enum Happening
{
    Receive,
    Write,
    WriteConcurrently,
    WriteBestEffort,
    Accept,
    Advance,
    Keepalive,
    Connect,
    Disconnect,
    FillInbox,
    EmptyInbox,
}

/// <summary>Something that happens, with what is received or how long it takes.</summary>
internal sealed record Step(Happening What, string Bytes, int Amount)
{
    public static Gen<Step> Any { get; } =
        from what in Gen.Frequency(
            (12, Gen.Constant(Happening.Receive)),
            (6, Gen.Elements(Happening.Write, Happening.WriteConcurrently, Happening.WriteBestEffort)),
            (6, Gen.Constant(Happening.Accept)),
            (4, Gen.Constant(Happening.Advance)),
            (3, Gen.Elements(Happening.Connect, Happening.Connect, Happening.Connect, Happening.Disconnect)),
            (1, Gen.Elements(Happening.Keepalive, Happening.FillInbox, Happening.EmptyInbox)))
        from bytes in Gen.Frequency(
            (4, from mid in Gen.Choose(0, 20) select $"{mid:x2}\n"),
            (4, from mid in Gen.Choose(0, 20) from text in Gen.Elements("a", "b", "\r", "é") select $"{mid:x2}{text}\n"),
            (2, Gen.Choose(0, 255).Select(mid => $"{mid:x2}x\n")),
            (4, Gen.Constant("\n")),
            (1, Gen.Elements("0", "00", "zz\n", "x\n", "0")))
        from amount in Gen.Choose(1, 30)
        select new Step(what, bytes, amount);
}

/// <summary>
/// The rules that hold whatever happens: what is said is well formed, no line is finished twice, best effort is said
/// once, nothing is acknowledged that was not accepted on this connection, a client is silent after its id, and what is
/// on its way stays within its bounds.
/// </summary>
internal sealed class Life(Side side)
{
    private readonly ProtocolDriver end = new(side);
    private readonly Dictionary<string, string> said = [];
    private readonly HashSet<string> finished = [];
    private readonly HashSet<string> comeHere = [];
    private bool connected;
    private bool opened;
    private string unfinished = "";
    private int number;

    /// <summary>How many refusals there were.</summary>
    public int Refusals { get; private set; }

    public int Deliveries { get; private set; }

    public int Finished => finished.Count;

    public void Happens(Step step)
    {
        try
        {
            Do(step);
        }
        catch (ProtocolException)
        {
            Refusals++;
            Check();
            Disconnect();
        }

        Check();
    }

    private void Do(Step step)
    {
        switch (step.What)
        {
            case Happening.Receive when connected:
                Note(step.Bytes);
                end.Receive(step.Bytes);
                break;
            case Happening.Write:
                end.Write($"o{number++}" + new string('-', step.Amount * step.Amount));
                break;
            case Happening.WriteConcurrently:
                end.WriteConcurrently(Enumerable.Range(0, step.Amount).Select(_ => $"c{number++}"));
                break;
            case Happening.WriteBestEffort:
                end.WriteBestEffort($"b{number++}" + new string('-', step.Amount * 100));
                break;
            case Happening.Accept when end.Waiting > 0:
                end.Accept();
                break;
            case Happening.Advance:
                end.Advance(step.Amount * step.Amount * (ProtocolDriver.T / 300));
                break;
            case Happening.Keepalive:
                end.Protocol.Keepalive();
                break;
            case Happening.Connect when !connected:
                (connected, opened, unfinished) = (true, false, "");
                comeHere.Clear();
                end.Connect();
                break;
            case Happening.Disconnect when connected:
                Disconnect();
                break;
            case Happening.FillInbox or Happening.EmptyInbox:
                end.InboxFull = step.What == Happening.FillInbox;
                break;
        }
    }

    /// <summary>Notes the mids of the lines that are complete now.</summary>
    private void Note(string bytes)
    {
        var lines = (unfinished + bytes).Split('\n');
        unfinished = lines[^1];
        comeHere.UnionWith(lines[..^1].Where(line => line.Length > 2).Select(line => line[..2]));
    }

    private void Disconnect()
    {
        end.Disconnect();
        connected = false;
    }

    private void Check()
    {
        foreach (var entry in end.Take())
        {
            var (kind, text) = (entry[..(entry.IndexOf(' ', StringComparison.Ordinal) + 1)], entry[(entry.IndexOf(' ', StringComparison.Ordinal) + 1)..]);
            if (kind == "> ")
                CheckSaid(text);
            else if (kind == "finished ")
                Cases.Require(finished.Add(text), () => $"{text} is finished twice");
            opened |= entry == "opened";
            Deliveries += kind == "line " ? 1 : 0;
        }

        Cases.Require(connected || end.Protocol.Deadline is null, () => "it wants to be called without a connection");
        var onTheirWay = end.Protocol.Unfinished.ToList();
        Cases.Require(onTheirWay.Count <= 16, () => $"{onTheirWay.Count} lines are on their way");
        Cases.Require(onTheirWay.Count < 2 || onTheirWay.Sum(l => l.Bytes) < 4_000, () => $"{onTheirWay.Sum(l => l.Bytes)} bytes are on their way");
        Cases.Require(onTheirWay.Count(l => l.Delivery == Delivery.BestEffort) <= 1, () => "two best-effort lines are on their way");
        Cases.Require(onTheirWay.Count(l => l is { Delivery: Delivery.ExactlyOnce, Ordering: Ordering.Ordered }) <= 1, () => "two ordered lines are on their way");
    }

    private void CheckSaid(string line)
    {
        Cases.Require(connected, () => $"'{line}' is said without a connection");
        if (side == Side.Client && line == ProtocolDriver.Id)
            return;
        if (line.Length == 2)
            Cases.Require(comeHere.Contains(line), () => $"{line} is acknowledged but did not come on this connection");
        if (line.Length < 3)
            return;
        Cases.Require(opened, () => $"'{line}' is said before the link is up");
        var (mid, text) = (line[..2], line[2..]);
        Cases.Require(int.TryParse(mid, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out _), () => $"{mid} is no mid");
        var isNew = said.TryAdd(text, mid);
        Cases.Require(said[text] == mid, () => $"'{text}' is said as {said[text]} and as {mid}");
        Cases.Require(isNew || text[0] != 'b' || mid == "00", () => $"best effort {text} is said twice");
        Cases.Require(text[0] == 'b' || !finished.Contains(text), () => $"{text} is said after it is finished");
    }
}
