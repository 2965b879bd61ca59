using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using static Rx.IotLink.Tests.Protocol.Driving.ProtocolDriver;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>How a connection begins at the server's end, once the client has said its id.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ServerOpeningTests
{
    private readonly ProtocolDriver server = new(Side.Server);

    [Test]
    public void The_first_line_is_a_keepalive_at_once_and_the_link_is_up()
    {
        server.Connect();
        Assert.That(server.Take(), Is.EqualTo(["> ", "opened"]));
    }

    [Test]
    public void A_message_waits_for_the_clients_first_bytes_however_long_that_takes()
    {
        server.Connect();
        server.Write("a");
        server.Advance(100 * T);
        Assert.That(server.TakeSaid(), Is.EqualTo([""]), "the first keepalive and nothing else");
        Assert.That(server.Protocol.Deadline, Is.Null);
    }

    [Test]
    public void A_message_is_said_0_2_s_after_the_clients_first_bytes_and_not_a_tick_earlier()
    {
        server.Connect();
        server.Write("a");
        server.Take();
        server.Receive("\n");
        Assert.That(server.Protocol.Deadline, Is.EqualTo(SettlingTime));

        server.Advance(SettlingTime - Tick);
        Assert.That(server.Take(), Is.EqualTo(["heartbeat"]));
        server.Advance(Tick);
        Assert.That(server.Take(), Is.EqualTo(["> 00a"]));
    }

    [Test]
    public void Any_byte_starts_the_0_2_s_and_further_ones_do_not_start_it_anew()
    {
        server.Connect();
        server.Write("a");
        server.Take();
        server.Receive("0");
        server.Advance(SettlingTime / 2);
        server.Receive("0x\n\n");
        server.Advance((SettlingTime / 2) - Tick);
        Assert.That(server.TakeSaid(), Is.Empty);
        server.Advance(Tick);
        Assert.That(server.TakeSaid(), Is.EqualTo(["00a"]));
    }

    [Test]
    public void A_message_written_while_it_waits_goes_when_the_waiting_is_over()
    {
        server.Connect();
        server.Receive("\n");
        server.Advance(SettlingTime / 2);
        server.Write("a");
        server.WriteBestEffort("b");
        Assert.That(server.TakeSaid(), Is.EqualTo([""]));
        server.Advance(SettlingTime / 2);
        Assert.That(server.TakeSaid(), Is.EqualTo(["00a"]));
    }

    [Test]
    public void Keepalives_do_not_wait()
    {
        server.Connect();
        server.Take();
        server.Protocol.Keepalive();
        Assert.That(server.TakeSaid(), Is.EqualTo([""]), "greeting");
        server.Receive("\n");
        server.Protocol.Keepalive();
        Assert.That(server.TakeSaid(), Is.EqualTo([""]), "settling");
    }

    [Test]
    public void Acknowledgements_do_not_wait()
    {
        server.Connect();
        server.Take();
        server.Receive("00hello\n");
        server.Accept();
        Assert.That(server.Take(), Is.EqualTo(["line hello", "> 00"]));
        server.Receive("00hello\n");
        Assert.That(server.Take(), Is.EqualTo(["duplicate", "> 00"]));
    }

    [Test]
    public void What_came_in_the_same_packet_as_the_id_counts_as_the_clients_first_bytes()
    {
        server.Connect();
        server.Write("a");
        server.Receive("00hello\n");
        server.Accept();
        server.Take();
        server.Advance(SettlingTime);
        Assert.That(server.TakeSaid(), Is.EqualTo(["00a"]));
    }

    [Test]
    public void A_new_connection_begins_all_over()
    {
        server.ConnectAndOpen();
        server.Disconnect();
        server.Take();
        server.Connect();
        Assert.That(server.Take(), Is.EqualTo(["> ", "opened"]));
        server.Write("a");
        server.Advance(T);
        Assert.That(server.Take(), Is.Empty, "it waits for the client's first bytes again");
        server.Receive("\n");
        server.Advance(SettlingTime);
        Assert.That(server.TakeSaid(), Is.EqualTo(["00a"]));
    }

    [Test]
    public void An_outage_while_it_waits_ends_the_waiting()
    {
        server.Connect();
        server.Receive("\n");
        server.Disconnect();
        Assert.That(server.Protocol.Deadline, Is.Null);
        server.Write("a");
        server.Take();
        server.Advance(T);
        Assert.That(server.Take(), Is.Empty);
    }
}
