using NUnit.Framework;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>Each error is a sentence that names the rule, the limit and what broke it.</summary>
public sealed class SentencesTests
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, 16).Select(n => (byte)n)];

    [TestCase("=0001", "=0001 acknowledges a line that was never sent")]
    [TestCase("~0001", "~0001 reports the arrival of a line that was never sent")]
    [TestCase("?what", "a line of 5 bytes that begins with 0x3f means nothing")]
    [TestCase("=00011", "a line of 6 bytes that begins with 0x3d means nothing")]
    [TestCase("~00011", "a line of 6 bytes that begins with 0x7e means nothing")]
    [TestCase("=001", "a line of 4 bytes that begins with 0x3d means nothing")]
    [TestCase("~001", "a line of 4 bytes that begins with 0x7e means nothing")]
    [TestCase("#0001a", "a line of 6 bytes that begins with 0x23 means nothing")]
    [TestCase("#000", "a line of 4 bytes that begins with 0x23 means nothing")]
    [TestCase("#000A", "begins with 0x23 has no number of four lower-case hex digits")]
    [TestCase("!by", "a line of 3 bytes that begins with 0x21 means nothing")]
    [TestCase("!byebye", "a line of 7 bytes that begins with 0x21 means nothing")]
    [TestCase("!die now", "a line of 8 bytes that begins with 0x21 means nothing")]
    [TestCase("+", "begins with 0x2b has no number of four lower-case hex digits")]
    [TestCase("+001", "begins with 0x2b has no number of four lower-case hex digits")]
    [TestCase("+000Aa", "begins with 0x2b has no number of four lower-case hex digits")]
    [TestCase("+000Fa", "begins with 0x2b has no number of four lower-case hex digits")]
    [TestCase("+A000a", "begins with 0x2b has no number of four lower-case hex digits")]
    [TestCase("+000ga", "begins with 0x2b has no number of four lower-case hex digits")]
    [TestCase("=00g0", "begins with 0x3d has no number of four lower-case hex digits")]
    [TestCase("~ 001", "begins with 0x7e has no number of four lower-case hex digits")]
    public void A_line_that_means_nothing(string line, string told)
    {
        var end = OpenClient();

        Assert.That(() => end.Receive(line + "\n"), Throws.TypeOf<ProtocolException>().With.Message.Contains(told));
    }

    [TestCase("+0001\\xff\\n")]
    [TestCase("-\\xff\\n")]
    [TestCase("!bye \\xff\\n")]
    public void A_line_that_is_not_UTF8(string escaped)
    {
        var end = OpenClient();

        Assert.That(() => end.Receive(Escaped.ToBytes(escaped)), Throws.TypeOf<ProtocolException>().With.Message.EqualTo("a line is not UTF-8"));
    }

    [TestCase("+0001")]
    [TestCase("-")]
    public void A_payload_is_as_long_as_the_limit_and_no_longer(string mark)
    {
        var end = OpenClient(new EndOptions { Max = 100 });
        var longest = mark + new string('x', 100);

        end.Receive(longest + "\n");

        Assert.That(end.Received, Has.Count.EqualTo(1));
        Assert.That(
            () => OpenClient(new EndOptions { Max = 100 }).Receive(longest + "x\n"),
            Throws.TypeOf<LineTooLongException>().With.Message.EqualTo(mark == "-" ? "a line of 101 bytes; the limit is 100" : "a line of more than 105 bytes, which is the limit"));
        Assert.That(
            () => OpenClient(new EndOptions { Max = 100 }).Receive(longest + "xxxxx"),
            Throws.TypeOf<LineTooLongException>().With.Message.EqualTo("a line of more than 105 bytes, which is the limit"), "before it ends");
    }

    [Test]
    public void A_farewell_is_read_even_where_lines_must_be_shorter()
    {
        var end = OpenClient(new EndOptions { Max = 1 });
        var text = new string('x', 64 - "!bye ".Length);

        end.Receive($"!bye {text}\n");

        Assert.That(end.Left, Is.EqualTo(new Outage(OutageReason.PeerLeft, $"the peer left: {text}")));
        Assert.That(() => OpenClient(new EndOptions { Max = 1 }).Receive($"!bye {text}x\n"), Throws.TypeOf<LineTooLongException>());
    }

    [TestCase("!bye", OutageReason.PeerLeft, "the peer left")]
    [TestCase("!bye ", OutageReason.PeerLeft, "the peer left")]
    [TestCase("!bye x", OutageReason.PeerLeft, "the peer left: x")]
    [TestCase("!bye displaced", OutageReason.Displaced, "the peer left: displaced")]
    public void A_farewell(string line, OutageReason reason, string told)
    {
        var end = OpenClient();

        end.Receive(line + "\n");

        Assert.That(end.Left, Is.EqualTo(new Outage(reason, told)));
    }

    [TestCase("IOTLINK/2 proof mac=00", "'proof' is no answer to an opening in this state")]
    [TestCase("IOTLINK/2 prove nonce=00 mac=00", "'prove' is no answer to an opening in this state")]
    [TestCase("", "the server answered with a keepalive, as one of protocol 1 does (micropython-iot): it needs Protocol = 1")]
    [TestCase("IOTLINK/2 no", "the opening has no code")]
    [TestCase("IOTLINK/2 ok epoch=1 tx=1 window=9 max=99", "the opening has no timeout")]
    [TestCase("IOTLINK/2 ok epoch=1 tx=1 window=9 max=99 timeout=0", "timeout=0 in the opening is not a number from 1 to 86400000")]
    [TestCase("IOTLINK/2 ok epoch=1 tx=1 window=9 max=99 timeout=86400001", "timeout=86400001 in the opening is not a number from 1 to 86400000")]
    [TestCase("IOTLINK/2 no code=busy retry=soon", "retry=soon in the opening is not a number")]
    public void What_is_no_answer_to_an_opening(string line, string told)
    {
        var end = new TestEnd(Side.Client);
        end.Connect();

        Assert.That(() => end.Receive(line + "\n"), Throws.TypeOf<ProtocolException>().With.Message.Contains(told));
    }

    [TestCase(100)]
    [TestCase(86_400_000)]
    public void The_timeout_of_the_server_holds_until_the_connection_ends(int milliseconds)
    {
        var end = new TestEnd(Side.Client);
        end.Connect();

        end.Receive($"IOTLINK/2 ok epoch=1 tx=1 window=9 max=99 timeout={milliseconds}\n");
        Assert.That(end.Protocol.Timeout, Is.EqualTo(TimeSpan.FromMilliseconds(milliseconds)));
        end.Disconnect();
        Assert.That(end.Protocol.Timeout, Is.EqualTo(new EndOptions().Timeout));
    }

    [TestCase("IOTLINK/2 no code=busy retry=0", 0, "the server says 'busy'")]
    [TestCase("IOTLINK/2 no code=overloaded retry=86400000 text=too%20many", 86_400_000, "the server says 'overloaded': too many")]
    [TestCase("IOTLINK/2 no code=auth", null, "the server says 'auth': it wants proof of this device's key, and had none or a wrong one")]
    [TestCase("IOTLINK/2 no code=auth text=why", null, "the server says 'auth': why")]
    [TestCase("IOTLINK/2 no code=new-one", null, "the server says 'new-one'")]
    public void A_refusal(string line, int? retry, string told)
    {
        var end = new TestEnd(Side.Client);
        end.Connect();

        end.Receive(line + "\n");

        Assert.That(end.Left, Is.EqualTo(new Outage(OutageReason.Refused, told) { RetryAfter = retry is { } ms ? TimeSpan.FromMilliseconds(ms) : null }));
    }

    [TestCase(nameof(RefusalCode.Version), "version")]
    [TestCase(nameof(RefusalCode.Malformed), "malformed")]
    [TestCase(nameof(RefusalCode.TooLong), "too-long")]
    [TestCase(nameof(RefusalCode.Auth), "auth")]
    [TestCase(nameof(RefusalCode.UnknownId), "unknown-id")]
    [TestCase(nameof(RefusalCode.Busy), "busy")]
    [TestCase(nameof(RefusalCode.Overloaded), "overloaded")]
    [TestCase(nameof(RefusalCode.State), "state")]
    public void The_code_of_a_refusal(string name, string word)
    {
        var code = Enum.Parse<RefusalCode>(name);
        Assert.That(Refusal.Line(code, retry: null, text: null), Is.EqualTo($"IOTLINK/2 no code={word}"));
        Assert.That(Refusal.Line(code, TimeSpan.FromMilliseconds(1_500), "a b"), Is.EqualTo($"IOTLINK/2 no code={word} retry=1500 text=a%20b"));
    }

    [TestCase("IOTLINK/2 ok epoch=1 tx=1 window=9 max=99 timeout=2000", "let this device in without proving that it knows its key")]
    [TestCase("IOTLINK/2 prove nonce=00000000000000000000000000000000 mac=0000000000000000000000000000000000000000000000000000000000000000", "did not prove that it knows this device's key")]
    public void A_server_that_does_not_prove_itself(string line, string told)
    {
        var end = new TestEnd(Side.Client, new EndOptions { Key = Key });
        end.Connect();

        end.Receive(line + "\n");

        Assert.That(end.Left!.Reason, Is.EqualTo(OutageReason.PeerNotProven));
        Assert.That(end.Left.Detail, Does.Contain(told));
    }

    [TestCase("", true)]
    [TestCase("IOTLINK/2 no code=version", true)]
    [TestCase("IOTLINK/2 no code=busy retry=1", false)]
    [TestCase("IOTLINK/2 no code=malformed", false)]
    public void A_client_without_a_set_version_falls_back_to_protocol_1_for_a_server_that_knows_no_other(string answer, bool fallsBack)
    {
        var end = new TestEnd(Side.Client, new EndOptions { MayFallBack = true });
        end.Connect();

        end.Receive(answer + "\n");

        Assert.That(end.TakeEvents().Contains("fall-back 1"), Is.EqualTo(fallsBack));
        Assert.That(end.Left!.Reason, Is.EqualTo(fallsBack ? OutageReason.ProtocolError : OutageReason.Refused));
        Assert.That(end.Left.Detail, fallsBack ? Is.EqualTo("the server speaks protocol 1; so does this client on its next connection") : Does.StartWith("the server says"));
    }

    [Test]
    public void A_client_that_has_a_version_does_not_fall_back()
    {
        var end = new TestEnd(Side.Client);
        end.Connect();

        end.Receive("IOTLINK/2 no code=version\n");

        Assert.That(end.TakeEvents(), Is.EqualTo(["leave refused"]));
    }

    [Test]
    public void A_line_that_the_peer_takes_no_longer()
    {
        var end = new TestEnd(Side.Client);
        Assert.That(end.Protocol.Fault(int.MaxValue), Is.Null, "it has not said yet");
        end.Write("123456");
        end.Connect();

        end.Receive("IOTLINK/2 ok epoch=1 tx=1 window=9 max=5 timeout=2000\n");

        const string Fault = "must have at most 5 bytes of UTF-8, the peer takes no longer ones; this one has 6";
        Assert.That(end.Told, Is.EqualTo([Fault]));
        Assert.That((end.Protocol.Fault(5), end.Protocol.Fault(6)), Is.EqualTo(((string?)null, Fault)));
    }

    [Test]
    public void A_numbered_line_that_the_peer_takes_no_longer()
    {
        var end = Restarted(new KeptMemory(Epoch: 5, First: 1, Lines: ["abcde", "123456"], PeerEpoch: 1, Accepted: 0));
        end.Connect();

        end.Receive("IOTLINK/2 ok epoch=1 tx=1 peer=5 rx=0 window=9 max=5 timeout=2000\n");

        Assert.That(end.Left, Is.EqualTo(new Outage(
            OutageReason.ConnectionLost,
            "an unacknowledged line must have at most 5 bytes of UTF-8, the peer takes no longer ones; this one has 6; a new epoch begins without it")));
    }

    [TestCase("peer=5 rx=9", "the peer has lines up to 9 of this end, which remembers only 4: a new epoch begins, what is unacknowledged is sent again")]
    [TestCase("peer=5 rx=2 seen=5", "the peer has lines up to 5 of this end, which remembers only 4: a new epoch begins, what is unacknowledged is sent again")]
    [TestCase("peer=5 rx=0", "the peer has forgotten lines 1 to 2, which it had accepted")]
    [TestCase("peer=6 rx=9", "the peer remembers nothing of this end's session; 2 unacknowledged lines are sent again")]
    public void What_became_of_a_session(string remembered, string told)
    {
        var end = Restarted(new KeptMemory(Epoch: 5, First: 3, Lines: ["c", "d"], PeerEpoch: 1, Accepted: 7));
        end.Connect();

        end.Receive($"IOTLINK/2 ok epoch=1 tx=8 {remembered} window=9 max=99 timeout=2000\n");

        Assert.That(end.Told, Is.EqualTo([told]));
        if (end.Left is { } left)
            Assert.That(left, Is.EqualTo(new Outage(OutageReason.ConnectionLost, "this end's memory was rolled back; a new one begins")));
    }

    [TestCase("epoch=1 tx=10", "lines 8 to 9 were lost at the peer")]
    [TestCase("epoch=2 tx=10", "the peer began a new memory: what it had written and was not accepted is gone")]
    public void What_became_of_the_lines_of_the_peer(string remembered, string told)
    {
        var end = Restarted(new KeptMemory(Epoch: 5, First: 3, Lines: [], PeerEpoch: 1, Accepted: 7));
        end.Connect();

        end.Receive($"IOTLINK/2 ok {remembered} peer=5 rx=2 window=9 max=99 timeout=2000\n");

        Assert.That(end.Told, Is.EqualTo([told]));
    }

    [Test]
    public void A_server_whose_memory_was_rolled_back_says_so_to_both_sides()
    {
        var end = new TestEnd(Side.Server, new EndOptions { Store = new MemoryStore(new KeptMemory(Epoch: 5, First: 3, Lines: [], PeerEpoch: 1, Accepted: 7)) });
        end.Connect();

        end.Receive("IOTLINK/2 id=a conn=1 epoch=1 tx=8 peer=5 rx=3 window=9 max=99\n");

        Assert.That(end.TakeSaid(), Is.EqualTo(["IOTLINK/2 no code=state retry=0 text=what%20you%20received%20was%20never%20sent%3A%20this%20end%27s%20memory%20was%20rolled%20back"]));
        Assert.That(end.Left, Is.EqualTo(new Outage(OutageReason.Refused, "this end's memory was rolled back; a new one begins")));
    }

    [Test]
    public void A_step_that_cannot_happen_is_a_mistake_of_the_caller()
    {
        var end = OpenClient();

        Assert.That(end.Connect, Throws.InvalidOperationException.With.Message.EqualTo("Connect cannot happen to a Client that is Open."));
    }

    private static TestEnd Restarted(KeptMemory memory) => new(Side.Client, new EndOptions { Store = new MemoryStore(memory) });

    private static TestEnd OpenClient(EndOptions? options = null)
    {
        var end = new TestEnd(Side.Client, options);
        end.Connect();
        end.Receive("IOTLINK/2 ok epoch=1 tx=1 window=9 max=99 timeout=2000\n");
        return end;
    }
}
