using System.Globalization;
using System.Text;
using NUnit.Framework;
using Rx.IotLink.Nano.Protocol;
using Rx.IotLink.Tests.House;
using Rx.IotLink.Tests.Protocol.Driving;

namespace NanoTests;

/// <summary>
/// The conformance vectors of protocol 2 (Protocol2/Vectors/README.md), those of a client, against the device's
/// session.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed class NanoVectorTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "Rx.IotLink.Tests", "Protocol2", "Vectors");

    [TestCaseSource(nameof(Vectors))]
    public void Vector(string file) => Run(File.ReadAllLines(file));

    [TestCaseSource(nameof(Vectors))]
    public void Vector_byte_by_byte(string file) => Run(File.ReadAllLines(file), inPieces: true);

    [Test]
    public void A_runner_that_finds_nothing_is_worth_nothing() =>
        Assert.That(() => Run(["role client", "random 0102030405060708", "connect", "> something else"]), Throws.InstanceOf<AssertionException>());

    private static IEnumerable<TestCaseData> Vectors() =>
        from file in Directory.EnumerateFiles(Folder, "*.txt").Order(StringComparer.Ordinal)
        where File.ReadAllLines(file).Contains("role client", StringComparer.Ordinal)
        select new TestCaseData(file).SetArgDisplayNames(Path.GetFileNameWithoutExtension(file));

    private static void Run(string[] lines, bool inPieces = false)
    {
        var settings = NanoEnd.Settings();
        var random = new List<byte>();
        var held = new List<string>();
        Dictionary<string, string>? memory = null;
        NanoEnd? end = null;
        for (var at = 0; at < lines.Length;)
        {
            var (verb, argument) = Split(lines[at++]);
            switch (verb)
            {
                case "" or "#" or "role":
                    continue;
                case "id":
                    settings.Id = Escaped.ToBytes(argument);
                    continue;
                case "key":
                    settings.Key = Convert.FromHexString(argument);
                    continue;
                case "random":
                    random.AddRange(Convert.FromHexString(argument.Replace(" ", "", StringComparison.Ordinal)));
                    continue;
                case "timeout":
                    settings.TimeoutMs = Number(argument);
                    continue;
                case "max-timeout":
                    settings.MaxTimeoutMs = Number(argument);
                    continue;
                case "window":
                    settings.Window = Number(argument);
                    continue;
                case "max":
                    settings.MaxLineBytes = Number(argument);
                    continue;
                case "inbox":
                    settings.InboxLines = Number(argument);
                    continue;
                case "memory":
                    memory = argument.Split(' ').Select(t => t.Split('=')).ToDictionary(t => t[0], t => t[1], StringComparer.Ordinal);
                    continue;
                case "held":
                    held.Add(argument);
                    continue;
                default:
                    break;
            }

            end ??= Begin(settings, random, memory, held, inPieces);
            Input(end, verb, argument);
            var (expectedSaid, expectedEvents) = (new List<string>(), new List<string>());
            for (var first = at; at < lines.Length; at++)
            {
                var (word, rest) = Split(lines[at]);
                if (word == ">")
                    expectedSaid.Add(rest);
                else if (word == "event")
                    expectedEvents.Add(rest);
                else if (word == "fail")
                    expectedEvents.Add("fail " + rest);
                else if (word is not ("" or "#"))
                    break;
            }

            Assert.That(end.TakeSaid(), Is.EqualTo(expectedSaid), $"what is said before line {at + 1}");
            Assert.That(end.TakeEvents(), Is.EqualTo(expectedEvents), $"what happens before line {at + 1}");
        }
    }

    private static NanoEnd Begin(SessionSettings settings, List<byte> random, Dictionary<string, string>? memory, List<string> held, bool inPieces)
    {
        var end = new NanoEnd(settings) { InPieces = inPieces };
        end.WillDraw(random);
        foreach (var line in held)
            end.Write(Encoding.UTF8.GetString(Escaped.ToBytes(line)));
        if (memory is not null)
        {
            var peer = memory.TryGetValue("peer", out var hex) ? Hex(hex) : (ulong?)null;
            end.Session.Restore(Hex(memory["epoch"]), Kept(memory, "first"), peer is not null, peer ?? 0, Kept(memory, "accepted"), Kept(memory, "conn"));
        }

        return end;
    }

    private static ulong Kept(Dictionary<string, string> memory, string key) =>
        memory.TryGetValue(key, out var number) ? ulong.Parse(number, CultureInfo.InvariantCulture) : 0;

    private static void Input(NanoEnd end, string verb, string argument)
    {
        switch (verb)
        {
            case "connect":
                end.Connect();
                break;
            case "<":
                end.Receive(Escaped.ToBytes(argument));
                break;
            case "write":
                end.Write(Encoding.UTF8.GetString(Escaped.ToBytes(argument)));
                break;
            case "besteffort":
                end.WriteBestEffort(Encoding.UTF8.GetString(Escaped.ToBytes(argument)));
                break;
            case "accept":
                end.Accept(Number(argument));
                break;
            case "advance":
                end.Advance(Number(argument));
                break;
            case "bye":
                end.Bye(Encoding.UTF8.GetString(Escaped.ToBytes(argument)));
                break;
            case "disconnect":
                end.Disconnect();
                break;
            default:
                throw new FormatException($"'{verb}' is no step");
        }
    }

    private static (string Verb, string Argument) Split(string line)
    {
        if (line.StartsWith('#'))
            return ("#", "");
        var at = line.IndexOf(' ', StringComparison.Ordinal);
        return at < 0 ? (line, "") : (line[..at], line[(at + 1)..]);
    }

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
