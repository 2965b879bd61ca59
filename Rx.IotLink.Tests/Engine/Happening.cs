using System.Globalization;
using Rx.IotLink.Engine;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Protocol.Version2;

namespace Rx.IotLink.Tests.Engine;

/// <summary>
/// Something that happens to an engine: an input of each kind, and of those that carry something, each sort of it.
/// </summary>
internal sealed record Happening(string Name, Action<EngineEnd> Do)
{
    private static readonly TimeSpan Millisecond = TimeSpan.FromMilliseconds(1);

    /// <summary>Longer than an input takes, and shorter than a timeout.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(1);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Happening> All { get; } = [.. OfTheApplication, .. OfTheConnection, .. OfTheStore, .. Openings, .. Bytes];

    public static void Happen(Happening what, EngineEnd end)
    {
        end.Now += Millisecond;
        what.Do(end);
    }

    public override string ToString() => Name;

    private static IEnumerable<Happening> OfTheApplication =>
    [
        Writes("writes a line", n => new($"line {n}")),
        Writes("writes a concurrent line", n => new($"line {n}", ordering: Ordering.Concurrent)),
        Writes("writes a best-effort line", n => new($"line {n}", Delivery.BestEffort)),
        Writes("writes a line that may be dropped", n => new($"line {n}", mayBeDropped: true)),
        Writes("writes a line that is longer than some peers take", n => new($"line {n} of many bytes")),
        Writes("writes an empty line", _ => new("")),
        Writes("writes a line that is done when it is kept", n => new($"line {n}", untilStored: true)),
        Writes("writes a best-effort line that is to be kept", n => new($"line {n}", Delivery.BestEffort, untilStored: true)),
        Writes("writes a line that soon is too old", n => new($"line {n}", timeToLive: Soon)),
        Writes("writes a best-effort line that soon is too old", n => new($"line {n}", Delivery.BestEffort, timeToLive: Soon)),
        Writes("writes a line of a key", n => new($"line {n}", key: "a")),
        Writes("writes a line of a key that soon is too old", n => new($"line {n}", key: "a", timeToLive: Soon)),
        Writes("writes a line of a key that is done when it is kept", n => new($"line {n}", untilStored: true, key: "a")),
        Writes("writes a concurrent line of a key", n => new($"line {n}", ordering: Ordering.Concurrent, key: "a")),
        Writes("writes a best-effort line of a key", n => new($"line {n}", Delivery.BestEffort, key: "a")),
        new("writes a line that may be sent later", end => end.Write(new($"line {end.Written.Count}"), maySendLater: true)),
        new("takes the oldest line back", end => TakeBack(end, end.Written.Find(line => line.Outcome is null))),
        new("takes the newest line back", end => TakeBack(end, end.Written.FindLast(line => line.Outcome is null))),
        new("takes a line back that is done", end => TakeBack(end, end.Written.Find(line => line.Outcome is not null))),
        new("takes a line back that was never written", end => end.TakeBack(new TestLine("never written"))),
        new("handles nothing", end => end.Handle(0)),
        new("handles one line", end => end.Handle(1)),
        new("handles all lines", end => end.Handle(int.MaxValue)),
        new("an observer holds a line for long", end => end.Step(Input.Time(end.Moment with { HeldSince = end.Now - TimeSpan.FromMinutes(1) }))),
        new("asks for the time of a round trip", end => end.Step(Input.Pinged(end.Moment))),
        new("closes the link", end => end.Step(Input.Closed(end.Moment, new(OutageReason.ClosedHere, "closed")))),
    ];

    private static IEnumerable<Happening> OfTheConnection =>
    [
        new("it ends", end => end.End(OutageReason.ClosedByPeer)),
        new("it falls silent", end => end.End(OutageReason.Silence)),
        new("it is dismissed", end => end.Step(Input.Dismissed(end.Moment, "the server is full", new(OutageReason.ClosedHere, "full")))),
        new("it falls asleep", end => end.Step(Input.Dismissed(end.Moment, "sleep=60", new(OutageReason.ClosedHere, "it sleeps") { SleepsFor = TimeSpan.FromMinutes(1) }))),
        new("it is awake", end => end.Step(Input.Woken(end.Moment, new(OutageReason.ConnectFailed, "no connection")))),
        new("the link is refused", end => end.Step(Input.Refused(end.Moment, new(OutageReason.Refused, "refused")))),
        new("the output is taken", end => end.TakeOutput()),
        new("a keepalive is due", end => end.Step(Input.KeepaliveDue(end.Moment))),
        new("the time comes in", end => end.Step(Input.Time(end.Moment))),
        new("the time that was asked for comes", end => Wait(end, (end.WakeAt ?? end.Now) - end.Now)),
        new("a timeout passes", end => Wait(end, EngineEnd.Timeout)),
        new("an hour passes", end => Wait(end, TimeSpan.FromHours(1))),
        new("the time of day is set forward", end => end.ClockSetBy += TimeSpan.FromDays(1)),
        new("the time of day is set back", end => end.ClockSetBy -= TimeSpan.FromDays(1)),
    ];

    private static IEnumerable<Happening> OfTheStore =>
    [
        new("the store keeps nothing", end => end.Save(0)),
        new("the store keeps the next", end => end.Save(end.Kept + 1)),
        new("the store keeps all", end => end.Save(end.Records.Count)),
        new("the store fails", end => end.FailSave()),
        new("the store keeps the next and fails", end =>
        {
            end.Save(end.Kept + 1);
            end.FailSave();
        }),
        new("the store reads what it is to read", end => end.ReadStored()),
        new("the store has read it", end => end.TellRead()),
        new("the store finds nothing of it", end => end.TellRead([])),
        new("the store gives lines that it does not have", end => end.TellRead([new(1, "one"), new(1, "one again"), new(1_000_000, "never written")])),
        new("the store has read it, with ends that are over and another key", end =>
        {
            end.ReadStored();
            end.TellRead([.. (end.Read ?? []).Select(line => line with { Expires = end.TimeOfDay - Millisecond, Key = "b" })]);
        }),
        new("the store cannot be read", end => end.FailRead()),
        new("the store does not answer", end => end.Step(Input.SaveWaits(end.Moment, new(OutageReason.StoreFailed, "no answer")))),
    ];

    private static IEnumerable<Happening> Openings =>
    [
        new("a connection without an opening", end => end.Connect(null)),
        new("a connection of protocol 1", end => end.Connect(new IdOpening(EngineEnd.Id))),
        Opens("a device that is new", _ => new(2, 1, null, 0, 0, 2, 100)),
        Opens("another device of that name", _ => new(3, 1, null, 0, 0, 2, 100)),
        Opens("a device that lost lines", _ => new(2, 5, null, 0, 0, 2, 100)),
        Opens("a device that takes short lines alone", _ => new(2, 1, null, 0, 0, 2, 8)),
        Opens("a device that comes back, and has had nothing", end => new(2, 1, Epoch(end), 0, 0, 2, 100)),
        Opens("a device that comes back, and has had all", end => new(2, 1, Epoch(end), Sent(end), Sent(end), 2, 100)),
        Opens("a device that has had what was never sent", end => new(2, 1, Epoch(end), 1_000, 1_000, 2, 100)),
        Opens("a device that takes short lines alone comes back", end => new(2, 1, Epoch(end), 0, 0, 2, 8)),
    ];

    private static IEnumerable<Happening> Bytes =>
    [
        .. new[]
        {
            "", "\n", "\r\n", "x\n", "00\n", "01\n", "00zero\n", "01one\n", "02two\n", "zzbad\n", "01un",
            "+0001n1\n", "+0002n2\n", "+0003n3\n+0004n4\n", "+0009n9\n", "-b1\n-b2\n", "-b3", "=0001\n", "=0002\n", "=7fff\n", "~0001\n", "~7fff\n", "+000", "!bye\n", "!bye sleep=60\n", "!bye displaced\n", "!bye tired\n", "!\n",
            Answer("ok epoch=0000000000000002 tx=1 window=2 max=100 timeout=2000"), Answer("ok epoch=0000000000000003 tx=4 window=2 max=8 timeout=2000"), Answer("ok"),
            Answer("no code=busy retry=100"), Answer("no code=unknown-id"), Answer("no code=version"), Answer("prove nonce=00"), Answer("what"), new string('x', 200), new string('x', 5_000) + "\n",
        }.Select(text => new Happening($"hears '{(text.Length > 60 ? text[..60] + "…" : text).Replace("\n", "\\n", StringComparison.Ordinal)}'", end => end.Receive(text))),
        new("hears what is no UTF-8", end => end.Receive([(byte)'0', (byte)'1', 0xff, 0xfe, (byte)'\n'])),
        new("hears a session that goes on, all had", end => end.Receive(Answer($"ok epoch=0000000000000002 tx=1 peer={Epoch(end):x16} rx={Sent(end)} window=2 max=100 timeout=2000"))),
        new("hears a session that goes on, nothing had", end => end.Receive(Answer($"ok epoch=0000000000000002 tx=1 peer={Epoch(end):x16} rx=0 window=2 max=100 timeout=2000"))),
        new("hears a session that never was", end => end.Receive(Answer($"ok epoch=0000000000000002 tx=1 peer={Epoch(end):x16} rx=1000 window=2 max=100 timeout=2000"))),
        new("hears a server's proof", end => end.Receive(ServerProof(end))),
    ];

    private static Happening Writes(string name, Func<int, TestLine> line) => new(name, end => end.Write(line(end.Written.Count)));

    private static Happening Opens(string name, Func<EngineEnd, SessionOffer> offer) =>
        new(name, end => end.Connect(new ClientOpening(EngineEnd.Id, (ulong)end.Now.Ticks, offer(end), Nonce: null)));

    private static void TakeBack(EngineEnd end, TestLine? line)
    {
        if (line is not null)
            end.TakeBack(line);
    }

    private static void Wait(EngineEnd end, TimeSpan time)
    {
        if (time > TimeSpan.Zero)
            end.Now += time;
        end.Step(Input.Time(end.Moment));
    }

    private static string Answer(string answer) => $"{Tokens.Prefix} {answer}\n";

    private static ulong Epoch(EngineEnd end) => Inside.EpochOf(end.Engine) ?? 7;

    /// <summary>The number of the last line that it may have sent.</summary>
    private static ulong Sent(EngineEnd end) => ulong.Parse(end.LastNumber, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private static string ServerProof(EngineEnd end)
    {
        var challenge = Proof.Challenge(new byte[Proof.NonceBytes]);
        return $"{challenge} mac={Proof.Hex(Proof.OfServer(World.Key, end.LastOpening, challenge))}\n";
    }
}
