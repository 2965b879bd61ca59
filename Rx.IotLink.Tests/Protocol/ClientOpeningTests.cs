using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using static Rx.IotLink.Tests.Protocol.Driving.ProtocolDriver;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>How a connection begins at the client's end.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ClientOpeningTests
{
    private readonly ProtocolDriver client = new(Side.Client);

    [Test]
    public void The_first_line_is_the_id_and_the_link_is_not_up_yet()
    {
        client.Connect();
        Assert.That(client.Take(), Is.EqualTo(["> " + Id]));
    }

    [Test]
    public void No_message_follows_the_id_until_the_servers_first_line_however_long_that_takes()
    {
        client.Connect();
        client.Take();
        client.Write("a");
        client.WriteBestEffort("b");
        client.Advance(100 * T);
        Assert.That(client.Take(), Is.Empty);
        Assert.That(client.Protocol.Deadline, Is.Null);
    }

    /// <summary>
    /// An ancestor's server whose last keepalive failed says nothing on the next connection before it has heard its
    /// client.
    /// </summary>
    [Test]
    public void Keepalives_follow_the_id_at_once()
    {
        client.Connect();
        client.Take();
        client.Protocol.Keepalive();
        Assert.That(client.Take(), Is.EqualTo(["> "]));
    }

    [Test]
    public void The_servers_first_bytes_are_not_a_line_until_their_LF_comes()
    {
        client.Connect();
        client.Write("a");
        client.Take();
        client.Receive("00hello");
        Assert.That(client.Take(), Is.Empty);
        client.Receive("\n");
        Assert.That(client.Take(), Is.EqualTo(["line hello", "> ", "opened", "> 00a"]));
    }

    [TestCase("\n", "heartbeat", Description = "keepalive")]
    [TestCase("00\n", null, Description = "acknowledgement")]
    [TestCase("00hello\n", "line hello", Description = "message")]
    public void The_servers_first_line_of_any_kind_opens_the_link_and_is_answered_at_once(string line, string? told)
    {
        client.Connect();
        client.Take();
        client.Receive(line);
        string?[] expected = [told, "> ", "opened"];
        Assert.That(client.Take(), Is.EqualTo(expected.OfType<string>()));
    }

    [Test]
    public void A_message_written_before_follows_the_first_keepalive()
    {
        client.Connect();
        client.Write("a");
        client.Take();
        client.Receive("\n");
        Assert.That(client.TakeSaid(), Is.EqualTo(["", "00a"]));
    }

    [Test]
    public void Keepalives_and_acknowledgements_do_not_wait_for_more_than_the_first_line()
    {
        client.Connect();
        client.Receive("00hello\n");
        client.Take();
        client.Accept();
        client.Protocol.Keepalive();
        Assert.That(client.TakeSaid(), Is.EqualTo(["00", ""]));
    }

    [Test]
    public void A_malformed_first_line_does_not_open_the_link()
    {
        client.Connect();
        client.Take();
        Assert.That(() => client.Receive("zz\n"), Throws.Exception);
        Assert.That(client.Take(), Is.Empty);
    }

    [Test]
    public void A_line_accepted_while_a_new_connection_waits_is_not_acknowledged_on_it_unasked()
    {
        client.ConnectAndOpen();
        client.Receive("00hello\n");
        client.Disconnect();
        client.Connect();
        client.Take();
        client.Accept();
        Assert.That(client.Take(), Is.Empty, "nothing may follow the id");
        client.Receive("\n00hello\n");
        Assert.That(client.Take(), Is.EqualTo(["heartbeat", "> ", "opened", "duplicate", "> 00"]));
    }

    [Test]
    public void A_new_connection_begins_all_over()
    {
        client.ConnectAndOpen();
        client.Disconnect();
        client.Take();
        client.Connect();
        client.Write("a");
        Assert.That(client.Take(), Is.EqualTo(["> " + Id]));
        client.Receive("\n");
        Assert.That(client.Take(), Is.EqualTo(["heartbeat", "> ", "opened", "> 00a"]));
    }

    [Test]
    public void An_id_is_said_as_UTF8()
    {
        var said = new List<string>();
        var protocol = new IotLink.Protocol.Version1.Version1Protocol(new(Side.Client.Role(), "Grün-1", T, MaxLineBytes: 100), new(), client);
        protocol.Connect(new RecordingOutput(said.Add), TimeSpan.Zero, opening: null);
        Assert.That(said, Is.EqualTo(["Grün-1"]));
    }
}
