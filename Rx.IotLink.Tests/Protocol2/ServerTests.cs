using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>Who takes whose place on a server, and who is refused in which words.</summary>
public sealed class ServerTests
{
    private const string Epoch = "00000000000000aa";
    private const string Other = "00000000000000bb";
    private static readonly byte[] Key = [.. Enumerable.Range(0, 16).Select(n => (byte)n)];

    [Test]
    public void The_same_memory_over_a_newer_connection_displaces_its_ghost()
    {
        using var bench = new ServerBench();
        var ghost = bench.Connect(ServerBench.Opening(Epoch));
        ghost.Take();

        var newer = bench.Connect(ServerBench.Opening(Epoch, connection: 2));

        Assert.Multiple(() =>
        {
            Assert.That(ghost.Take(), Is.EqualTo(new[] { "!bye displaced\n" }));
            Assert.That(ghost.IsEnded, Is.True);
            Assert.That(newer.Take()[0], Does.StartWith("IOTLINK/2 ok "));
        });
    }

    [Test]
    public void Nothing_that_arrives_on_the_old_connection_counts()
    {
        using var bench = new ServerBench();
        var lines = new List<string>();
        bench.Server.Links.Subscribe(link => link.Lines.Subscribe(lines.Add));
        var ghost = bench.Connect(ServerBench.Opening(Epoch));
        ghost.Say("+0001ear");
        var newer = bench.Connect(ServerBench.Opening(Epoch, connection: 2));

        ghost.Say("ly\n+0001late\n");
        newer.Say("+0001new\n");
        bench.Run(TimeSpan.FromMilliseconds(1));

        Assert.That(lines, Is.EqualTo(new[] { "new" }));
    }

    [TestCase(1)]
    [TestCase(2)]
    public void An_older_opening_that_was_late_is_refused(int connection)
    {
        using var bench = new ServerBench(o => o with { RetryAfter = TimeSpan.FromMilliseconds(700) });
        var live = bench.Connect(ServerBench.Opening(Epoch, connection: 2));
        live.Take();

        var late = bench.Connect(ServerBench.Opening(Epoch, connection));

        Assert.Multiple(() =>
        {
            Assert.That(late.Take().Single(), Does.StartWith("IOTLINK/2 no code=busy retry=700"));
            Assert.That(late.IsEnded, Is.True);
            Assert.That(live.Take(), Is.Empty);
            Assert.That(live.IsEnded, Is.False);
        });
    }

    [Test]
    public void Another_memory_waits_on_an_open_server_until_the_old_one_is_gone()
    {
        using var bench = new ServerBench();
        var live = bench.Connect(ServerBench.Opening(Epoch));

        var early = bench.Connect(ServerBench.Opening(Other, connection: 9));
        bench.Run(TimeSpan.FromSeconds(2));
        var later = bench.Connect(ServerBench.Opening(Other, connection: 10));

        Assert.Multiple(() =>
        {
            Assert.That(early.Take().Single(), Does.StartWith("IOTLINK/2 no code=busy retry=1000"));
            Assert.That(live.IsEnded, Is.True, "silence");
            Assert.That(later.Take()[0], Does.StartWith("IOTLINK/2 ok "));
        });
    }

    [Test]
    public void A_proven_newcomer_displaces_whatever_memory_it_has()
    {
        using var bench = new ServerBench(o => o with { KeyOf = id => id == "pump-1" ? Key : null });
        var auth = " auth=hmac-sha256 nonce=" + new string('0', 32);
        var ghost = bench.Prove(ServerBench.Opening(Epoch, connection: 5, more: auth), Key);
        ghost.Take();

        var newer = bench.Prove(ServerBench.Opening(Other, more: auth), Key);

        Assert.Multiple(() =>
        {
            Assert.That(ghost.Take(), Is.EqualTo(new[] { "!bye displaced\n" }));
            Assert.That(newer.Take()[0], Does.StartWith("IOTLINK/2 ok "));
        });
    }

    [Test]
    public void An_opening_that_did_not_prove_itself_displaces_nobody()
    {
        using var bench = new ServerBench(o => o with { KeyOf = id => id == "pump-1" ? Key : null });
        var auth = " auth=hmac-sha256 nonce=" + new string('0', 32);
        var live = bench.Prove(ServerBench.Opening(Epoch, more: auth), Key);
        live.Take();

        var opening = ServerBench.Opening(Epoch, connection: 2, more: auth);
        var stranger = bench.Prove(opening, new byte[16]);
        var silent = bench.Connect(opening);

        Assert.Multiple(() =>
        {
            Assert.That(stranger.Take().Single(), Is.EqualTo("IOTLINK/2 no code=auth\n"));
            Assert.That(live.Take(), Is.Empty);
            Assert.That(silent.IsEnded, Is.False);
        });
    }

    [TestCase("fin", Refusal.NotProven, "it left before its proof came: the connection broke, or its key is another one, or it has none")]
    [TestCase("reset", Refusal.NotProven, "the connection broke before its proof came: reset by the script")]
    [TestCase("silence", Refusal.OpeningTimeout, "no proof within 10 s")]
    public void A_connection_that_ends_before_the_proof_does_not_count_against_the_key(string ending, Refusal refusal, string told)
    {
        using var bench = new ServerBench(o => o with { KeyOf = id => id == "pump-1" ? Key : null });
        var changes = new List<LinkChange>();
        using var watching = bench.Server.Changes.Subscribe(changes.Add);
        var peer = bench.Connect(ServerBench.Opening(Epoch, more: " auth=hmac-sha256 nonce=" + new string('0', 32)));
        Assert.That(peer.Take().Single(), Does.StartWith("IOTLINK/2 prove "));

        if (ending == "fin")
            peer.Fin();
        if (ending == "reset")
            peer.Reset();
        bench.Run(TimeSpan.FromSeconds(10));

        Assert.That(changes.Select(c => (c.Id, c.Refusal, c.Detail)), Is.EqualTo([("pump-1", (Refusal?)refusal, told)]));
    }

    [Test]
    public void An_unknown_id_and_a_wrong_key_look_the_same()
    {
        using var bench = new ServerBench(o => o with { KeyOf = id => id == "pump-1" ? Key : null });
        var auth = " auth=hmac-sha256 nonce=" + new string('0', 32);

        var wrong = Story(ServerBench.Opening(Epoch, more: auth));
        var unknown = Story(ServerBench.Opening(Epoch, id: "nobody", more: auth));

        Assert.Multiple(() =>
        {
            Assert.That(unknown.Select(s => s.Length), Is.EqualTo(wrong.Select(s => s.Length)));
            Assert.That(unknown[1], Is.EqualTo(wrong[1]).And.EqualTo("IOTLINK/2 no code=auth\n"));
            Assert.That(bench.Server.Counters.Refused[Refusal.NotProven], Is.EqualTo(2));
            Assert.That(bench.Server.Counters.Links, Is.Zero, "no link is made for who has proved nothing");
        });

        string[] Story(string opening)
        {
            var peer = bench.Connect(opening);
            var challenge = peer.Take()[0];
            peer.Say(ServerBench.ProofFor(opening, challenge, new byte[16]) + "\n");
            bench.Run(TimeSpan.FromMilliseconds(1));
            Assert.That(peer.IsEnded, Is.True);
            return [challenge, .. peer.Take()];
        }
    }

    [Test]
    public void Who_offers_no_proof_is_refused_in_the_same_words()
    {
        using var bench = new ServerBench(o => o with { KeyOf = _ => Key });

        Assert.That(bench.Connect(ServerBench.Opening(Epoch)).Take().Single(), Is.EqualTo("IOTLINK/2 no code=auth\n"));
    }

    [TestCase("IOTLINK/2 id=a", "malformed")]
    [TestCase("IOTLINK/2", "malformed")]
    [TestCase("IOTLINK/2 ok id=a", "malformed")]
    public void A_malformed_opening_is_reported(string opening, string code)
    {
        using var bench = new ServerBench();

        Assert.That(bench.Connect(opening).Take().Single(), Does.StartWith($"IOTLINK/2 no code={code} text="));
    }

    [Test]
    public void An_endless_opening_is_reported_before_it_ends()
    {
        using var bench = new ServerBench();
        var peer = bench.Connect();

        peer.Say("IOTLINK/2 id=" + new string('a', 2_100));
        bench.Run(TimeSpan.FromMilliseconds(1));

        Assert.That(peer.Take().Single(), Does.StartWith("IOTLINK/2 no code=too-long text="));
    }

    [Test]
    public void An_id_that_is_not_expected_is_reported()
    {
        using var bench = new ServerBench(o => o with { Expected = ["a"], UnknownIds = UnknownIdPolicy.Refuse });

        Assert.That(bench.Connect(ServerBench.Opening(Epoch)).Take().Single(), Does.StartWith("IOTLINK/2 no code=unknown-id text="));
    }

    [Test]
    public void A_version_that_is_switched_off_is_reported()
    {
        using var bench = new ServerBench(o => o with { Protocol2 = false });

        Assert.That(bench.Connect(ServerBench.Opening(Epoch)).Take().Single(), Does.StartWith("IOTLINK/2 no code=version text="));
    }

    [Test]
    public void Protocol_1_is_refused_for_an_id_that_has_a_key_even_where_it_is_spoken([Values] bool spoken)
    {
        using var bench = new ServerBench(o => o with { KeyOf = id => id == "pump-1" ? Key : null, Protocol1 = spoken });

        var keyed = bench.Connect("pump-1");
        var unkeyed = bench.Connect("old-1");

        Assert.Multiple(() =>
        {
            Assert.That(keyed.IsEnded, Is.True);
            Assert.That(keyed.Take(), Is.Empty, "it has no ears for reasons");
            Assert.That(unkeyed.IsEnded, Is.Not.EqualTo(spoken));
            Assert.That(bench.Server.Counters.Refused[Refusal.Version], Is.EqualTo(spoken ? 1 : 2));
        });
    }
}
