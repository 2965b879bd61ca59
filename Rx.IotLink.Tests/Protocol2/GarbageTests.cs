using System.Text;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>
/// Garbage, and words of the protocol in any order: never anything but a protocol error, at either end, in every phase.
/// </summary>
public sealed class GarbageTests
{
    private static readonly byte[] Key = new byte[16];

    private static readonly string[] Words =
    [
        "IOTLINK/2", " ok", " no", " prove", " proof", " id=a", " conn=1", " epoch=1", " epoch=2", " tx=1", " tx=18446744073709535231", " peer=1", " rx=0", " rx=5", " seen=7",
        " window=1", " window=16384", " max=1", " max=4000", " timeout=2000", " code=busy", " retry=5", " auth=hmac-sha256", " nonce=00000000000000000000000000000000",
        " mac=0000000000000000000000000000000000000000000000000000000000000000", " %", "=%41%zz", "\n", "\n", "\n", "+0001", "+0002", "+ffff", "+8000", "-", "=0000", "=0001", "=ffff",
        "=8000", "~0001", "~0000", "~7fff", "!bye", "!bye displaced", "\r", "\0", "é", "😀",
    ];

    private static readonly string Opening = ServerBench.Opening("0000000000000001");

    private static readonly string Ok = "IOTLINK/2 ok epoch=1 tx=1 window=9 max=99 timeout=2000";

    [TestCase(Side.Client, "greeting")]
    [TestCase(Side.Client, "greeting with key")]
    [TestCase(Side.Client, "proving")]
    [TestCase(Side.Client, "open")]
    [TestCase(Side.Server, "greeting")]
    [TestCase(Side.Server, "greeting with key")]
    [TestCase(Side.Server, "proving")]
    [TestCase(Side.Server, "open")]
    public void Only_protocol_errors_come_of_it(Side side, string phase)
    {
        var word = Gen.Elements(Words).Select(Encoding.UTF8.GetBytes);
        var line = Gen.Elements("+0001a\n", "+0002\n", "=0001\n", "=0002\n", "~0001\n", "~0002\n", "\n", "-x\n", Ok + "\n", Opening + "\n").Select(Encoding.UTF8.GetBytes);
        var bytes = ArbMap.Default.GeneratorFor<byte>().ArrayOf();
        var piece = Gen.Frequency((6, word), (6, line), (1, bytes));

        Prop.ForAll(piece.ArrayOf().ToArbitrary(), pieces => Survives(side, phase, pieces)).Check(Config.QuickThrowOnFailure.WithMaxTest(1_500));
    }

    private static bool Survives(Side side, string phase, byte[][] pieces)
    {
        var end = EndIn(side, phase);
        end.Write("mine");
        end.Write("");
        foreach (var piece in pieces)
        {
            try
            {
                end.Receive(piece);
                end.ElapseTo(end.Now + TimeSpan.FromMilliseconds(900));
                end.Protocol.Keepalive();
            }
            catch (Exception exception) when (exception is ProtocolException or NotProvenException)
            {
                end.Disconnect();
                end.Connect();
            }

            if (end.Left is not null)
            {
                end.Disconnect();
                end.Connect();
            }
        }

        // And after all of it, it can still be spoken to.
        end.Disconnect();
        end.Connect();
        return true;
    }

    private static TestEnd EndIn(Side side, string phase)
    {
        var keyed = phase is "greeting with key" or "proving";
        var end = new TestEnd(side, new EndOptions { Id = "a", Key = keyed ? Key : null });
        end.Connect();
        if (phase == "open")
            end.Receive((side == Side.Client ? Ok : Opening) + "\n");
        if (phase != "proving")
            return end;
        if (side == Side.Server)
        {
            end.Receive(ServerBench.Opening("0000000000000001", id: "a", more: " auth=hmac-sha256 nonce=00000000000000000000000000000000") + "\n");
            return end;
        }

        var nonce = new byte[Proof.NonceBytes];
        end.Receive($"{Proof.Challenge(nonce)} mac={Proof.Hex(Proof.OfServer(Key, end.TakeSaid()[0], Proof.Challenge(nonce)))}\n");
        return end;
    }
}
