using System.Collections.Concurrent;
using NUnit.Framework;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol.Linking;
using Rx.IotLink.Tests.Protocol2.Driving;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Stores;
using Refusal = Rx.IotLink.Server.Refusal;

namespace Rx.IotLink.Tests.Server;

/// <summary>
/// Whoever reaches the port chooses an id: one of another form than ids have is seen by nothing of the application.
/// </summary>
public sealed class IdFormTests
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, 16).Select(n => (byte)n)];

    private static readonly string[] Bad =
    [
        "../../etc/x", "a/b", "a\\b", ".", "..", "...", ".hidden", "-rf", " a", "a ", "a.", "a..", "+1", "@", "~root", "a;b", "a'b", "a\"b", "<b>", "a%2fb", "a*", "a?", "a|b", "a$b",
        "{id}", "a,b", "a=b", "pümp", "pump-\u0661", "\u0440ump", "a\u00a0b", "a\u3000b", "😀",
    ];

    [Test]
    public void What_is_a_name_in_plain_text_may_come(
        [Values("1", "pump-1", "Pump 1", "a.b_c:d@e+f#g-h", "aa:bb:cc:00:11:22", "550e8400-e29b-41d4-a716-446655440000", "1..2", "a:")] string id, [Values] bool isOld)
    {
        using var seen = new Application();
        var peer = seen.Connect(id, isOld);

        Assert.That(seen.Bench.Server.Find(id), Is.Not.Null, string.Concat(peer.Take()));
        Assert.That(seen.Asked, Is.EqualTo(new[] { id }));
    }

    [TestCaseSource(nameof(Bad))]
    public void Nothing_of_the_application_sees_another_one(string id)
    {
        using var seen = new Application();

        var answer = seen.Connect(id, isOld: false);
        var old = seen.Connect(id, isOld: true);

        Assert.That(answer.Take().Single(), Does.StartWith("IOTLINK/2 no code=unknown-id text=").And.Not.Contain("retry="));
        Assert.That(answer.IsEnded, Is.True);
        Assert.That(old.Take(), Is.Empty);
        Assert.That(old.IsEnded, Is.True);
        Assert.That(seen.Bench.Server.Counters.Refused[Refusal.IdForm], Is.EqualTo(2));
        Assert.That(seen.Asked, Is.Empty);
        Assert.That(seen.Bench.Server.GetConnections(), Is.Empty);
    }

    [TestCaseSource(nameof(Bad))]
    public void Where_keys_are_asked_for_it_is_answered_as_any_without_a_key(string id)
    {
        using var seen = new Application(o => o with { SessionStore = null }, hasKeys: true);
        string[] answers = [Answers(seen, id), Answers(seen, "nobody")];

        Assert.That(answers[0], Is.EqualTo(answers[1]).And.EqualTo("IOTLINK/2 prove nonce mac|IOTLINK/2 no code=auth\n"));
        Assert.That(seen.Asked, Is.EqualTo(new[] { "nobody" }));
        Assert.That(seen.Bench.Server.Counters.Refused[Refusal.IdForm], Is.EqualTo(1));
        Assert.That(seen.Bench.Server.Counters.Refused[Refusal.NotProven], Is.EqualTo(1));
    }

    [Test]
    public void The_log_names_it_once_for_each_address_and_shows_it_escaped()
    {
        var log = new TestLog();
        using var seen = new Application(o => o with { LoggerFactory = log });
        for (var time = 0; time < 100; time++)
            seen.Connect("pümp/\\x", isOld: false, from: "192.0.2.66");

        var told = log.Entries.Values.Where(e => e.Id == 13).Select(e => e.Text).ToList();
        Assert.That(told, Has.Count.InRange(1, 5));
        Assert.That(told, Has.All.Contain("id 'pümp/\\x': IdForm, the id has other characters than ASCII letters"));
    }

    [Test]
    public void The_owners_own_names_have_any_form()
    {
        using var expected = new Application(o => o with { Expected = ["hall/ü 1"] });
        expected.Connect("hall/ü 1", isOld: false);
        using var keyed = new ServerBench(o => o with { Keys = DeviceKeys.Parse([$"hall/ü 2 {Convert.ToHexString(Key)}"]) });
        keyed.Prove(Opening("hall/ü 2", nonce: new byte[16]), Key);

        Assert.That(expected.Asked, Is.EqualTo(new[] { "hall/ü 1" }));
        Assert.That(keyed.Server.Find("hall/ü 2"), Is.Not.Null);
    }

    [TestCase("pump-[0-9]+", "pump-12", "pump-", "pump-1x", "xpump-1", "pump-1\\n")]
    [TestCase("a|bc", "bc", "abc", "b", "c")]
    [TestCase("[a-zü/]+", "hall/ü", "hall/ü1")]
    [TestCase("^x$", "x", "xx")]
    public void A_pattern_is_held_against_all_of_an_id(string pattern, string good, params string[] bad)
    {
        using var seen = new Application(o => o with { IdPattern = pattern });
        foreach (var id in bad.Append(good))
            seen.Connect(id, isOld: false);

        Assert.That(seen.Asked, Is.EqualTo(new[] { good }));
        Assert.That(seen.Bench.Server.Counters.Refused[Refusal.IdForm], Is.EqualTo(bad.Length));
    }

    [TestCase("..")]
    [TestCase("a/../b")]
    [TestCase("a\\..\\b")]
    [TestCase("a/.")]
    [TestCase("../a")]
    [TestCase("a/...")]
    [TestCase("a/. ./b")]
    [TestCase("a/ /b")]
    public void No_pattern_lets_a_part_of_dots_reach_a_store(string id)
    {
        using var seen = new Application(o => o with { IdPattern = ".*" });
        using var open = new Application(o => o with { IdPattern = ".*", SessionStore = null });
        seen.Connect(id, isOld: false);
        open.Connect(id, isOld: false);

        Assert.That(seen.Asked, Is.Empty);
        Assert.That(open.Bench.Server.Find(id), Is.Not.Null);
        Assert.That(
            () => new ServerBench(o => o with { Expected = [id], SessionStore = new BreakableStore() }),
            Throws.ArgumentException.With.Message.EqualTo($"Expected '{id.Replace("\\", "\\\\", StringComparison.Ordinal)}' has a part of dots alone, and a session store may take it for a folder. (Parameter 'Expected')"));
    }

    [TestCase("\u200b")]
    [TestCase("\u202e")]
    [TestCase("\u2066")]
    [TestCase("\u00ad")]
    [TestCase("\ufeff")]
    [TestCase("\u034f")]
    [TestCase("\u115f")]
    [TestCase("\u3164")]
    [TestCase("\uffa0")]
    [TestCase("\ufe0f")]
    [TestCase("\u2800")]
    [TestCase("\U000e0101")]
    public void No_pattern_and_no_owner_lets_what_is_not_seen_be_part_of_a_name(string unseen)
    {
        var id = $"pump{unseen}-1";
        using var seen = new Application(o => o with { IdPattern = ".*" });
        var answer = seen.Connect(id, isOld: false);

        Assert.That(answer.Take().Single(), Does.StartWith("IOTLINK/2 no code=malformed "));
        Assert.That(seen.Asked, Is.Empty);
        Assert.That(() => new ServerBench(o => o with { Expected = [id] }), Throws.ArgumentException.With.Message.StartsWith("Expected 'pump").And.Message.Contains("invisible or direction-changing character U+"));
        Assert.That(() => DeviceKeys.Parse([$"{id} {DeviceKeys.NewKey()}"]), Throws.InstanceOf<FormatException>().With.Message.Contains("invisible or direction-changing character U+"));
    }

    private static string Opening(string id, byte[]? nonce = null) =>
        new ClientOpening(id, 1, new(Epoch: 0xaa, Tx: 1, Peer: null, Rx: 0, Seen: 0, Window: 64, Max: 4_000), nonce).Write();

    /// <summary>All that is said to one that knows no key.</summary>
    private static string Answers(Application seen, string id)
    {
        var peer = seen.Bench.Connect(Opening(id, nonce: new byte[16]));
        var challenge = string.Join(' ', peer.Take().Single().TrimEnd('\n').Split(' ').Select(t => t.Split('=')[0]));
        peer.Say($"IOTLINK/2 proof mac={new string('0', 64)}\n");
        seen.Bench.Run(TimeSpan.FromMilliseconds(1));
        return $"{challenge}|{string.Concat(peer.Take())}";
    }

    /// <summary>A server, with the ids that its application has seen.</summary>
    private sealed class Application : IDisposable
    {
        private readonly ConcurrentQueue<string> asked = new();

        public Application(Func<IotLinkServerOptions, IotLinkServerOptions>? change = null, bool hasKeys = false)
        {
            Bench = new(o => (change ?? (same => same))(o with
            {
                KeyOf = hasKeys ? KeyOf : null,
                SessionStore = new BreakableStore { BeforeClaim = asked.Enqueue },
            }));
            Bench.Server.Links.Subscribe(link =>
            {
                if (!asked.Contains(link.Id))
                    asked.Enqueue(link.Id);
            });
        }

        public ServerBench Bench { get; }

        public IEnumerable<string> Asked => asked;

        public ScriptedPeer Connect(string id, bool isOld, string? from = null) => Bench.Connect(isOld ? id : Opening(id), from);

        public void Dispose() => Bench.Dispose();

        private ReadOnlyMemory<byte>? KeyOf(string id)
        {
            asked.Enqueue(id);
            return null;
        }
    }
}
