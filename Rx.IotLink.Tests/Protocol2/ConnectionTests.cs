using System.Buffers;
using NUnit.Framework;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>What a protocol owes its link from the beginning of a connection to its end.</summary>
public sealed class ConnectionTests
{
    private const string Ok = "IOTLINK/2 ok epoch=1 tx=1 window=9 max=99 timeout=2000\n";

    [Test]
    public void A_server_sends_what_waits_as_soon_as_a_client_is_let_in()
    {
        var end = new TestEnd(Side.Server, new EndOptions { IsKept = false });
        var said = new List<string>();
        end.Write("a");

        end.Protocol.Connect(new RecordingOutput(said.Add), end.Now, new ClientOpening("pump-1", 1, new SessionOffer(1, 1, null, 0, 0, 9, 99), Nonce: null));

        Assert.That(said, Has.Count.EqualTo(2));
        Assert.That(said[1], Is.EqualTo("+0001a"));
    }

    [Test]
    public void Nothing_is_due_while_lines_do_not_flow()
    {
        var end = Open();
        end.Write("a");
        Assert.That(end.Protocol.Deadline, Is.Not.Null);

        end.Disconnect();
        Assert.That(end.Protocol.Deadline, Is.Null, "no connection");
        end.Connect();
        Assert.That(end.Protocol.Deadline, Is.Null, "greeting");
    }

    [Test]
    public void An_unfinished_line_is_left_until_its_LF_comes()
    {
        var end = Open();

        end.Receive("+0001a\n+0002hel");
        end.Receive("lo");
        Assert.That(end.Received, Is.EqualTo(["a"]));
        end.Receive("\n");

        Assert.That(end.Received, Is.EqualTo(["a", "hello"]));
    }

    [Test]
    public void A_line_may_lie_in_several_pieces_of_memory()
    {
        var end = Open();

        end.Protocol.Receive(Pieces.Of("+00"u8.ToArray(), "01he"u8.ToArray(), "llo\n+0002you\n"u8.ToArray()), end.Now);
        end.AcceptAll();

        Assert.That(end.Received, Is.EqualTo(["hello", "you"]));
    }

    [Test]
    public void When_it_is_over_all_that_comes_is_taken_and_nothing_of_it_counts()
    {
        var end = Open();
        var bytes = new ReadOnlySequence<byte>("!bye\n+0001late\n+00"u8.ToArray());

        var taken = end.Protocol.Receive(bytes, end.Now);

        Assert.That(bytes.Slice(taken).Length, Is.Zero);
        Assert.That(end.Waiting, Is.Zero);
    }

    [Test]
    public void A_farewell_without_a_text_is_the_word_alone()
    {
        var end = Open();

        end.Protocol.Bye("");

        Assert.That(end.TakeSaid(), Is.EqualTo(["!bye"]));
    }

    [Test]
    public void A_memory_that_was_rolled_back_is_given_up_once()
    {
        var end = new TestEnd(Side.Client, new EndOptions { Store = new MemoryStore(new KeptMemory(Epoch: 5, First: 3, Lines: [], PeerEpoch: 1, Accepted: 0)) });
        end.Connect();
        end.Receive("IOTLINK/2 ok epoch=1 tx=1 peer=5 rx=9 window=9 max=99 timeout=2000\n");
        end.Disconnect();
        end.TakeSaid();
        var first = EpochSaidBy(end);

        end.Receive(Ok);
        end.Disconnect();

        Assert.That(first, Is.Not.EqualTo("epoch=0000000000000005"));
        Assert.That(EpochSaidBy(end), Is.EqualTo(first));
    }

    private static string EpochSaidBy(TestEnd end)
    {
        end.Connect();
        return end.TakeSaid().Single().Split(' ').Single(t => t.StartsWith("epoch=", StringComparison.Ordinal));
    }

    private static TestEnd Open()
    {
        var end = new TestEnd(Side.Client);
        end.Connect();
        end.Receive(Ok);
        end.TakeSaid();
        return end;
    }
}
