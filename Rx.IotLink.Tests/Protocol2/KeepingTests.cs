using NUnit.Framework;
using Rx.IotLink.Protocol;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>
/// Where the memory is kept outside the process, nothing is said that depends on it before it is kept; and all else
/// is.
/// </summary>
public sealed class KeepingTests
{
    private const string Ok = "IOTLINK/2 ok epoch=1 tx=1 window=4 max=4000 timeout=2000\n";

    [Test]
    public void A_client_says_its_opening_once_its_connection_is_kept()
    {
        var end = new TestEnd(Side.Client) { Keeps = false };
        end.Connect();
        Assert.That(end.TakeSaid(), Is.Empty);

        end.Keeps = true;
        end.Keep();

        Assert.That(end.TakeSaid().Single(), Does.StartWith("IOTLINK/2 id=pump-1 conn=1 "));
        end.Receive(Ok);
        Assert.That(end.IsOpen);
    }

    [Test]
    public void A_server_answers_an_opening_once_its_epoch_is_kept([Values] bool comesAgain)
    {
        const string Opening = "IOTLINK/2 id=pump-1 conn=1 epoch=6f1d20c4a9b30e77 tx=1 window=64 max=4000\n";
        var end = new TestEnd(Side.Server, new EndOptions { Keeps = false });
        end.Connect();
        end.Receive(Opening);
        Assert.That(end.TakeSaid(), Is.Empty);
        if (comesAgain)
        {
            end.Disconnect();
            end.Connect();
            end.Receive(Opening);
            Assert.That(end.TakeSaid(), Is.Empty);
        }

        end.Receive("+0001a\n");
        Assert.That((end.IsOpen, end.Received), Is.EqualTo((false, Array.Empty<string>())));
        end.Keeps = true;
        end.Keep();

        Assert.That(end.TakeSaid().Single(), Does.StartWith("IOTLINK/2 ok "));
        end.Receive("+0002b\n");
        Assert.That((end.IsOpen, end.Received), Is.EqualTo((true, new[] { "a", "b" })), "what came before is heard now");
    }

    [Test]
    public void A_client_that_does_not_wait_for_the_answer_takes_no_more_memory_than_an_opening()
    {
        var end = new TestEnd(Side.Server, new EndOptions { Keeps = false });
        end.Connect();
        end.Receive("IOTLINK/2 id=pump-1 conn=1 epoch=6f1d20c4a9b30e77 tx=1 window=64 max=4000\n");
        end.Receive(new string('-', 2_048));

        Assert.That(() => end.Receive("-"), Throws.InstanceOf<ProtocolException>().With.Message.EqualTo("the client sent 2049 bytes before its opening was answered; the limit is 2048"));
    }

    [Test]
    public void A_server_that_answers_what_was_not_said_breaks_the_protocol()
    {
        var end = new TestEnd(Side.Client) { Keeps = false };
        end.Connect();

        Assert.That(() => end.Receive(Ok), Throws.InstanceOf<ProtocolException>().With.Message.Contains("before"));
    }

    [Test]
    public void An_opening_that_waited_is_not_said_on_the_next_connection()
    {
        var end = new TestEnd(Side.Client) { Keeps = false };
        end.Connect();
        end.Disconnect();
        end.Keeps = true;
        end.Keep();
        Assert.That(end.TakeSaid(), Is.Empty);

        end.Connect();

        Assert.That(end.TakeSaid().Single(), Does.StartWith("IOTLINK/2 id=pump-1 conn=2 "));
    }

    [Test]
    public void A_line_is_sent_once_it_is_kept_and_so_are_all_that_the_window_takes()
    {
        var end = Open();
        foreach (var line in new[] { "a", "b", "c", "d", "e" })
            end.Write(line);
        end.Write("now", Delivery.BestEffort);
        Assert.That(end.TakeSaid(), Is.EqualTo(["-now"]), "best effort is kept nowhere");
        Assert.That(end.Protocol.Deadline, Is.Null, "what was not sent is not sent again");

        end.Keeps = true;
        end.Keep();

        Assert.That(end.TakeSaid(), Is.EqualTo(["+0001a", "+0002b", "+0003c", "+0004d"]));
        Assert.That(end.Unsent, Is.EqualTo(["e"]));
    }

    [TestCase("=0001")]
    [TestCase("~0001")]
    public void A_line_that_is_not_kept_was_never_sent(string answer)
    {
        var end = Open();
        end.Write("a");

        Assert.That(() => end.Receive(answer + "\n"), Throws.InstanceOf<ProtocolException>().With.Message.Contains("never sent"));
    }

    [Test]
    public void A_line_is_acknowledged_once_its_acceptance_is_kept_and_has_arrived_until_then()
    {
        var end = Open();
        end.Receive("+0001a\n+0002b\n");
        end.Protocol.Keepalive();
        Assert.That((end.Received, end.TakeSaid()), Is.EqualTo((new[] { "a", "b" }, new[] { "~0002" })), "not that nothing waits: the peer would send both again");

        end.Keeps = true;
        end.Keep();
        end.Protocol.Keepalive();

        Assert.That(end.TakeSaid(), Is.EqualTo(["=0002", ""]));
    }

    [Test]
    public void What_was_not_kept_in_time_is_acknowledged_on_the_next_connection()
    {
        var end = Open();
        end.Receive("+0001a\n");
        end.Disconnect();
        end.Connect();
        end.Keeps = true;
        end.Keep();
        Assert.That(end.TakeSaid().Single(), Does.Contain(" rx=1 "));

        end.Receive("IOTLINK/2 ok epoch=1 tx=1 peer=" + Peer(end) + " rx=0 seen=0 window=4 max=4000 timeout=2000\n+0001a\n");

        Assert.That(end.TakeSaid(), Is.EqualTo(["=0001"]));
        Assert.That(end.Received, Is.EqualTo(["a"]));
    }

    /// <summary>
    /// What was accepted of a peer that is met anew must not be counted in its new memory's numbers, though it is kept
    /// late.
    /// </summary>
    [Test]
    public void What_is_kept_of_a_peers_old_memory_says_nothing_of_its_new_one()
    {
        var end = Open();
        end.Receive("+0001a\n+0002b\n");
        end.Disconnect();
        end.Keeps = true;
        end.Connect();
        end.TakeSaid();
        end.Keeps = false;

        end.Receive("IOTLINK/2 ok epoch=2 tx=1 window=4 max=4000 timeout=2000\n+0001c\n");
        end.Keeps = true;
        end.Keep();

        Assert.That(end.TakeSaid(), Is.EqualTo(["=0001"]));
    }

    /// <summary>
    /// A store begins its memory anew with the epoch; what was accepted of the peer must be in the new one too.
    /// </summary>
    [Test]
    public void A_new_epoch_keeps_what_was_accepted()
    {
        var store = new MemoryStore(new KeptMemory(Epoch: 5, First: 3, Lines: [], PeerEpoch: 1, Accepted: 7));
        var end = new TestEnd(Side.Client, new EndOptions { Store = store });
        end.Connect();
        end.Receive("IOTLINK/2 ok epoch=1 tx=8 peer=0000000000000005 rx=9 seen=9 window=4 max=4000 timeout=2000\n");
        end.Disconnect();

        Assert.That((store.Latest!.Epoch, store.Latest.PeerEpoch, store.Latest.Accepted), Is.EqualTo((store.Latest.Epoch, (ulong?)1, 7UL)));
        Assert.That(store.Latest.Epoch, Is.Not.EqualTo(5));
    }

    /// <summary>An end that is open, and whose store keeps nothing for the time being.</summary>
    private static TestEnd Open()
    {
        var end = new TestEnd(Side.Client);
        end.Connect();
        end.Receive(Ok);
        end.TakeSaid();
        end.Keeps = false;
        return end;
    }

    private static string Peer(TestEnd end) => $"{((MemoryStore)end.Store).Latest!.Epoch:x16}";
}
