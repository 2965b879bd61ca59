using NUnit.Framework;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>Every row of the table of phases, and each as far as it can be reached through the protocol.</summary>
public sealed class PhaseTests
{
    private const string Ok = "IOTLINK/2 ok epoch=1 tx=1 window=9 max=99 timeout=2000\n";
    private static readonly byte[] Key = [.. Enumerable.Range(0, 16).Select(n => (byte)n)];

    [Test]
    public void The_table_is_this_one()
    {
        var allowed = new Dictionary<(Phase, Step), Phase>
        {
            [(Phase.Disconnected, Step.Connect)] = Phase.Greeting,
            [(Phase.Disconnected, Step.Admit)] = Phase.Open,
            [(Phase.Greeting, Step.Prove)] = Phase.Proving,
            [(Phase.Greeting, Step.Ok)] = Phase.Open,
            [(Phase.Proving, Step.Ok)] = Phase.Open,
            [(Phase.Greeting, Step.End)] = Phase.Over,
            [(Phase.Proving, Step.End)] = Phase.Over,
            [(Phase.Open, Step.End)] = Phase.Over,
            [(Phase.Over, Step.End)] = Phase.Over,
        };
        foreach (var phase in Enum.GetValues<Phase>())
            allowed[(phase, Step.Disconnect)] = Phase.Disconnected;

        Assert.Multiple(() =>
        {
            foreach (var phase in Enum.GetValues<Phase>())
            {
                foreach (var step in Enum.GetValues<Step>())
                    Assert.That(Phases.Next(phase, step), Is.EqualTo(allowed.TryGetValue((phase, step), out var next) ? next : (Phase?)null), $"{step} when {phase}");
            }
        });
    }

    [TestCase("greeting")]
    [TestCase("proving")]
    [TestCase("open")]
    [TestCase("over")]
    public void A_client_connects_only_when_it_is_disconnected(string phase)
    {
        var end = ClientIn(phase);

        Assert.That(end.Connect, Throws.InvalidOperationException);
    }

    [TestCase("open")]
    [TestCase("over")]
    public void A_server_admits_only_when_it_is_disconnected(string phase)
    {
        var end = Server(phase);

        Assert.That(() => end.Protocol.Connect(new RecordingOutput(_ => { }), end.Now, new ClientOpening("a", 1, new SessionOffer(1, 1, null, 0, 0, 1, 1), Nonce: null)), Throws.InvalidOperationException);
    }

    [TestCase("proving")]
    [TestCase("open, key")]
    public void A_challenge_comes_once(string phase)
    {
        var end = ClientIn(phase);

        Assert.That(() => end.Receive("IOTLINK/2 prove nonce=00 mac=00\n"), Throws.InstanceOf<ProtocolException>());
    }

    [Test]
    public void Ok_opens_a_greeting_without_a_key_and_a_proving()
    {
        Assert.Multiple(() =>
        {
            Assert.That(ClientIn("open").IsOpen, Is.True);
            Assert.That(ClientIn("open, key").IsOpen, Is.True);
        });
    }

    [Test]
    public void Ok_when_open_is_a_protocol_error() => Assert.That(() => ClientIn("open").Receive(Ok), Throws.InstanceOf<ProtocolException>());

    [TestCase("greeting", "IOTLINK/2 no code=busy\n")]
    [TestCase("proving", "IOTLINK/2 no code=auth\n")]
    [TestCase("open", "!bye\n")]
    public void Each_phase_of_a_connection_can_end(string phase, string last)
    {
        var end = ClientIn(phase);

        end.Receive(last);

        Assert.That(end.Left, Is.Not.Null);
    }

    [TestCase("over")]
    [TestCase("over, refused")]
    public void Nothing_counts_and_nothing_is_said_when_it_is_over(string phase)
    {
        var end = ClientIn(phase);
        end.TakeEvents();
        end.TakeSaid();

        end.Receive("+0001late\n=0001\n?\n" + Ok);
        end.Write("kept");
        end.Protocol.Keepalive();
        end.Protocol.Bye("again");

        Assert.Multiple(() =>
        {
            Assert.That(end.TakeEvents(), Is.Empty);
            Assert.That(end.TakeSaid(), Is.Empty);
            Assert.That(end.Protocol.Deadline, Is.Null);
            Assert.That(end.Protocol.WantsToSend, Is.False);
        });
    }

    [TestCase("greeting")]
    [TestCase("proving")]
    public void Nothing_is_said_before_it_is_open(string phase)
    {
        var end = ClientIn(phase);
        end.TakeSaid();

        end.Write("kept");
        end.Protocol.Keepalive();
        end.Protocol.Bye("already?");

        Assert.That(end.TakeSaid(), Is.Empty);
        Assert.That(end.Protocol.Deadline, Is.Null);
    }

    [TestCase("disconnected")]
    [TestCase("greeting")]
    [TestCase("proving")]
    [TestCase("open")]
    [TestCase("over")]
    public void Every_phase_can_be_disconnected_and_connected_again(string phase)
    {
        var end = ClientIn(phase);

        end.Protocol.Disconnect(end.Now);
        end.Connect();

        Assert.That(end.TakeSaid()[^1], Does.StartWith("IOTLINK/2 id=pump-1 conn="));
    }

    private static TestEnd ClientIn(string phase)
    {
        var keyed = phase == "proving" || phase.EndsWith("key", StringComparison.Ordinal);
        var end = new TestEnd(Side.Client, new EndOptions { Key = keyed ? Key : null });
        if (phase == "disconnected")
            return end;
        end.Connect();
        if (keyed)
        {
            var opening = end.TakeSaid()[0];
            var nonce = new byte[Proof.NonceBytes];
            end.Receive($"{Proof.Challenge(nonce)} mac={Proof.Hex(Proof.OfServer(Key, opening, Proof.Challenge(nonce)))}\n");
        }

        if (phase.StartsWith("open", StringComparison.Ordinal) || phase == "over")
            end.Receive(Ok);
        if (phase == "over")
            end.Protocol.Bye("");
        if (phase == "over, refused")
            end.Receive("IOTLINK/2 no code=busy\n");
        return end;
    }

    private static TestEnd Server(string phase)
    {
        var end = new TestEnd(Side.Server);
        end.Connect();
        end.Receive("IOTLINK/2 id=a conn=1 epoch=1 tx=1 window=9 max=99\n");
        if (phase == "over")
            end.Protocol.Bye("");
        return end;
    }
}
