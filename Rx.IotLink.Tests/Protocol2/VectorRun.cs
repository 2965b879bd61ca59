using System.Globalization;
using System.Text;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>
/// Runs one conformance vector against our own end. It plays the connection, the application and the clock, as
/// Vectors/README.md says.
/// </summary>
internal sealed class VectorRun
{
    private readonly List<string> said = [];
    private readonly List<string> happened = [];
    private readonly Queue<byte> random = new();
    private readonly List<string> held = [];
    private EndOptions options = new();
    private Side side;
    private KeptMemory? memory;
    private TestEnd? end;
    private TimeSpan lastSaid;
    private TimeSpan lastHeard;
    private TimeSpan now;

    public static void Of(IReadOnlyList<string> lines)
    {
        var run = new VectorRun();
        for (var at = 0; at < lines.Count;)
        {
            try
            {
                at = run.Step(lines, at);
            }
            catch (Exception exception)
            {
                throw new VectorFailedException($"line {at + 1}, '{(at < lines.Count ? lines[at] : "the end")}': {exception.Message}", exception);
            }
        }
    }

    /// <summary>Takes one input and the expectations that follow it; gives the index of the next input.</summary>
    private int Step(IReadOnlyList<string> lines, int at)
    {
        var line = lines[at++];
        if (line.Length == 0 || line[0] == '#')
            return at;
        var (verb, argument) = Split(line);
        if (Setting(verb, argument))
            return at;
        end ??= Start();
        Input(verb, argument);
        var (expectedSaid, expectedEvents) = (new List<string>(), new List<string>());
        for (; at < lines.Count; at++)
        {
            var (word, rest) = Split(lines[at]);
            if (word == ">")
                expectedSaid.Add(rest);
            else if (word == "event")
                expectedEvents.Add(rest);
            else if (word == "fail")
                expectedEvents.Add("fail " + rest);
            else if (lines[at].Length > 0 && lines[at][0] != '#')
                break;
        }

        Compare("said", expectedSaid, said);
        Compare("happened", expectedEvents, happened);
        return at;
    }

    private bool Setting(string verb, string argument)
    {
        switch (verb)
        {
            case "role":
                side = Enum.Parse<Side>(argument, ignoreCase: true);
                break;
            case "id":
                options = options with { Id = Text(argument) };
                break;
            case "key":
                var key = Convert.FromHexString(argument);
                options = options.Key is null ? options with { Key = key } : options with { NextKey = key };
                break;
            case "random":
                foreach (var drawn in Convert.FromHexString(argument.Replace(" ", "", StringComparison.Ordinal)))
                    random.Enqueue(drawn);
                break;
            case "timeout":
                options = options with { Timeout = Milliseconds(argument) };
                break;
            case "max-timeout":
                options = options with { MaxTimeout = Milliseconds(argument) };
                break;
            case "window":
                options = options with { Window = Number(argument) };
                break;
            case "max":
                options = options with { Max = Number(argument) };
                break;
            case "inbox":
                options = options with { Inbox = Number(argument) };
                break;
            case "memory":
                var tokens = Tokens.Parse($"{Tokens.Prefix} {argument}");
                memory = new KeptMemory(tokens.RequiredEpoch("epoch"), tokens.RequiredNumber("first", 1, ulong.MaxValue), [], tokens.Epoch("peer"), tokens.Number("accepted", 0, ulong.MaxValue) ?? 0, tokens.Number("conn", 1, ulong.MaxValue) ?? 0);
                break;
            case "held":
                held.Add(Text(argument));
                break;
            default:
                return false;
        }

        return true;
    }

    private TestEnd Start() => new(side, options with
    {
        AcceptsAtOnce = false,
        Random = Draw,
        Store = new MemoryStore(memory is null ? null : memory with { Lines = held }),
    });

    private void Draw(Span<byte> bytes)
    {
        foreach (ref var drawn in bytes)
            drawn = random.Count > 0 ? random.Dequeue() : throw new InvalidOperationException("more random bytes are drawn than the vector gives");
    }

    private void Input(string verb, string argument)
    {
        try
        {
            switch (verb)
            {
                case "connect":
                    (lastSaid, lastHeard) = (now, now);
                    end!.Connect();
                    break;
                case "<":
                    lastHeard = now;
                    end!.Receive(Escaped.ToBytes(argument));
                    break;
                case "write":
                    end!.Write(Text(argument));
                    break;
                case "besteffort":
                    end!.Write(Text(argument), Delivery.BestEffort);
                    break;
                case "accept":
                    end!.Accept(Number(argument));
                    break;
                case "advance":
                    Advance(now + Milliseconds(argument));
                    break;
                case "disconnect":
                    end!.Disconnect();
                    break;
                case "bye":
                    end!.Protocol.Bye(Text(argument));
                    break;
                default:
                    throw new FormatException($"'{verb}' is no step");
            }

            if (end!.Protocol.Deadline <= now)
                end.ElapseTo(now);
            Listen();
        }
        catch (LineTooLongException)
        {
            Fail("too-long");
        }
        catch (ProtocolException)
        {
            Fail(end!.IsOpen || side == Side.Client ? "protocol" : "malformed");
        }
        catch (NotProvenException)
        {
            Fail("auth");
        }
    }

    private void Fail(string kind)
    {
        Listen();
        happened.Add("fail " + kind);
        end!.Disconnect();
    }

    /// <summary>
    /// Lets time pass as the link does: repetitions, keepalives and the silence of the peer each when they are due.
    /// </summary>
    private void Advance(TimeSpan until)
    {
        while (true)
        {
            var keepalive = end!.IsOpen ? lastSaid + (end.Protocol.Timeout / 4) : TimeSpan.MaxValue;
            // As the link has it: a client that awaits the answer to its opening is patient twice as long, by its own
            // setting.
            var silence = end.IsOpen ? lastHeard + end.Protocol.Timeout
                : end.Connected && side == Side.Client ? lastHeard + (2 * options.Timeout)
                : TimeSpan.MaxValue;
            var next = new[] { end.Protocol.Deadline ?? TimeSpan.MaxValue, keepalive, silence }.Min();
            if (next > until)
                break;
            now = next;
            end.ElapseTo(now);
            Listen();
            if (silence == now)
            {
                happened.Add("leave silence");
                end.Disconnect();
            }
            else if (end.IsOpen && now - lastSaid >= end.Protocol.Timeout / 4)
            {
                end.Protocol.Keepalive();
                Listen();
            }
        }

        now = until;
        end.ElapseTo(now);
    }

    private void Listen()
    {
        var lines = end!.TakeSaid();
        if (lines.Length > 0)
            lastSaid = now;
        said.AddRange(lines.Select(Escape));
        happened.AddRange(end.TakeEvents().Select(Escape));
        if (end.Left is not null)
            end.Disconnect();
    }

    private static void Compare(string what, List<string> expected, List<string> actual)
    {
        if (!expected.SequenceEqual(actual, StringComparer.Ordinal))
            throw new VectorFailedException($"{what}\n  [{string.Join("]\n  [", actual)}]\nexpected\n  [{string.Join("]\n  [", expected)}]", inner: null);
        actual.Clear();
    }

    private static (string Verb, string Argument) Split(string line)
    {
        var at = line.IndexOf(' ', StringComparison.Ordinal);
        return at < 0 ? (line, "") : (line[..at], line[(at + 1)..]);
    }

    private static string Text(string escaped) => Encoding.UTF8.GetString(Escaped.ToBytes(escaped));

    private static string Escape(string text) => Escaped.FromBytes(Encoding.UTF8.GetBytes(text));

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static TimeSpan Milliseconds(string text) => TimeSpan.FromMilliseconds(Number(text));
}

/// <summary>A vector does not hold.</summary>
public sealed class VectorFailedException(string message, Exception? inner) : Exception(message, inner);
