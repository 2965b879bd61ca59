using NUnit.Framework;
using Rx.IotLink.Nano.Bridge;
using Rx.IotLink.Tests.House;

namespace Rx.IotLink.Tests.Bridge;

/// <summary>The vectors of the wire: see Vectors/README.md. They were made by another program than this one.</summary>
public sealed class VectorTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "Rx.IotLink.Tests", "Bridge", "Vectors");

    public static IEnumerable<TestCaseData> Vectors =>
        Directory.GetFiles(Folder, "*.txt").Order(StringComparer.Ordinal).Select(f => new TestCaseData(f).SetArgDisplayNames(Path.GetFileNameWithoutExtension(f)));

    [TestCaseSource(nameof(Vectors))]
    public void Vector(string file) => VectorRun.Of(File.ReadAllLines(file));

    [Test]
    public void There_are_some() => Assert.That(Vectors.Count(), Is.GreaterThanOrEqualTo(16));

    [TestCase("> 0001020300", TestName = "Another_frame_is_found")]
    [TestCase("nothing", TestName = "A_frame_that_was_not_expected_is_found")]
    [TestCase("state Open", TestName = "Another_state_is_found")]
    public void A_runner_that_finds_nothing_is_worth_nothing(string expectation)
    {
        using (new NUnit.Framework.Internal.TestExecutionContext.IsolatedContext())
            Assert.That(() => VectorRun.Of(["role host", "random 01020304", "at 0", expectation]), Throws.InstanceOf<AssertionException>());
    }

    private sealed class VectorRun : Nano.IRandomSource
    {
        private readonly Queue<byte> random = new();
        private readonly Queue<string> sent = new();
        private readonly byte[] frame = new byte[Frame.MaxEncoded];
        private FrameEnd? end;
        private long now;

        private HostMachine Host => (HostMachine)end!;

        private BridgeMachine Bridge => (BridgeMachine)end!;

        public static void Of(string[] lines)
        {
            var run = new VectorRun();
            foreach (var line in lines.Where(l => !l.StartsWith('#')))
                run.Play(line);
            Assert.That(run.sent, Is.Empty, "each frame is expected");
        }

        public void Fill(byte[] bytes)
        {
            for (var at = 0; at < bytes.Length; at++)
                bytes[at] = random.Dequeue();
        }

        private void Play(string line)
        {
            var words = line.Split(' ', 2);
            var rest = words.Length > 1 ? words[1] : "";
            var parts = rest.Split(' ');
            if (words[0] is not (">" or "nothing" or "state" or "read" or "reset"))
                Assert.That(sent, Is.Empty, $"before '{line}'");
            Do(words[0], rest, parts);
            Pump();
        }

        private void Do(string word, string rest, string[] parts)
        {
            switch (word)
            {
                case "role":
                    end = rest switch { "host" => new HostMachine(new(), new(), this), "bridge" => new BridgeMachine(new(), this), _ => null };
                    break;
                case "frame":
                    CheckFrame(Convert.FromHexString(parts[0]), Convert.FromHexString(parts[1]));
                    break;
                case "random":
                    foreach (var drawn in Convert.FromHexString(rest))
                        random.Enqueue(drawn);
                    break;
                case "at":
                    for (var until = long.Parse(rest); now < until; now++)
                        Pump();
                    started = true;
                    break;
                case "<":
                    end!.Receive(Convert.FromHexString(rest), 0, rest.Length / 2, now);
                    break;
                case ">":
                    Assert.That(sent.TryDequeue(out var made) ? made : "nothing", Is.EqualTo(rest), $"at {now} ms");
                    break;
                case "nothing":
                    Assert.That(sent, Is.Empty, $"at {now} ms");
                    break;
                case "state":
                    Assert.That(end!.State.ToString(), Is.EqualTo(rest), $"at {now} ms");
                    break;
                case "open":
                    Host.Open(parts[0], int.Parse(parts[1]));
                    break;
                case "opened":
                    Bridge.Opened(Bridge.Connection);
                    break;
                case "fail":
                    Bridge.Fail(Bridge.Connection, rest);
                    break;
                case "write":
                    var bytes = Convert.FromHexString(rest);
                    Assert.That(end is HostMachine ? Host.Write(Host.Connection, bytes, 0, bytes.Length) : Bridge.Write(Bridge.Connection, bytes, 0, bytes.Length), Is.EqualTo(bytes.Length));
                    break;
                case "read":
                    var read = new byte[1_000];
                    Assert.That(Convert.ToHexStringLower(read[..end!.Read(read, 0, read.Length)]), Is.EqualTo(rest));
                    break;
                case "end":
                    Host.End(Host.Connection);
                    break;
                case "close":
                    Host.Close(Host.Connection, now);
                    break;
                case "beat":
                    Bridge.Beat();
                    break;
                case "tell":
                    Bridge.Tell((BridgeCondition)int.Parse(parts[0]), string.Join(' ', parts[1..^1]), int.Parse(parts[^1]));
                    break;
                case "figures":
                    (Bridge.Connects, Bridge.FreeMemory) = (int.Parse(parts[0]), int.Parse(parts[1]));
                    break;
                case "reset":
                    Assert.That(Bridge.TakeReset(), Is.EqualTo(rest == "yes"));
                    break;
                default:
                    Assert.Fail($"'{word}' is not known");
                    break;
            }
        }

        private bool started;

        private void Pump()
        {
            while (started && end?.Fill(frame, now) is > 0 and var made)
                sent.Enqueue(Convert.ToHexStringLower(frame[..made]));
        }

        private static void CheckFrame(byte[] body, byte[] encoded)
        {
            var whole = new byte[Frame.MaxBody];
            var output = new byte[Frame.MaxEncoded];
            body.CopyTo(whole, 0);
            Assert.That(output[..Frame.Encode(whole, body.Length - Frame.Header, output)], Is.EqualTo(encoded));
            var reader = new FrameReader();
            Assert.That(encoded.Count(reader.Take), Is.EqualTo(1));
            Assert.That(reader.Body[..body.Length], Is.EqualTo(body));
        }
    }
}
