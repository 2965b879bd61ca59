using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>A client without a chosen version does not rely on a server's claim about its version.</summary>
public sealed class FallBackTests
{
    private const string Ok = "IOTLINK/2 ok epoch=1 tx=1 window=9 max=99 timeout=2000\n";

    [Test]
    public void One_byte_of_an_impostor_costs_one_attempt()
    {
        var servers = new ScriptedServers();
        servers.Answer("\n");

        var second = servers.Next();
        second.Fin();
        var third = servers.Next();

        Assert.That(ScriptedServers.First(second), Is.EqualTo("pump-1\n"));
        Assert.That(ScriptedServers.First(third), Does.StartWith("IOTLINK/2 "));
    }

    [Test]
    public void An_impostor_that_speaks_protocol_1_for_a_while_costs_that_session()
    {
        var servers = new ScriptedServers();
        servers.Answer("\n");
        var impostor = servers.Next();
        servers.Live(impostor, seconds: 60);
        impostor.Fin();

        Assert.That(ScriptedServers.First(servers.Next()), Does.StartWith("IOTLINK/2 "));
    }

    [Test]
    public void A_real_server_of_protocol_1_is_asked_for_2_ever_more_rarely()
    {
        var servers = new ScriptedServers();
        var versions = "";
        while (versions.Length < 40)
        {
            var server = servers.Next();
            var speaks2 = ScriptedServers.First(server).StartsWith("IOTLINK/2 ", StringComparison.Ordinal);
            versions += speaks2 ? '2' : '1';
            server.Say("\n");
            if (!speaks2)
                servers.Live(server, seconds: 3);
            server.Fin();
        }

        Assert.That(versions, Is.EqualTo("21" + "211" + "21111" + "211111111" + "21111111111111111" + "2111"));
    }

    [Test]
    public void A_session_of_protocol_1_that_did_not_last_is_not_gone_on_with()
    {
        var servers = new ScriptedServers();
        var versions = "";
        while (versions.Length < 6)
        {
            var server = servers.Next();
            versions += ScriptedServers.First(server).StartsWith("IOTLINK/2 ", StringComparison.Ordinal) ? '2' : '1';
            server.Say("\n");
            servers.Advance(1_000);
            server.Fin();
        }

        Assert.That(versions, Is.EqualTo("212121"));
    }

    [Test]
    public void A_session_goes_on_where_it_was_after_an_impostor()
    {
        var servers = new ScriptedServers();
        var own = servers.Next();
        own.Say(Ok);
        servers.Client.Write("a").Subscribe();
        var epoch = Epoch(ScriptedServers.First(own));
        servers.Advance(10);
        Assert.That(string.Concat(own.Take()), Does.Contain("+0001a\n"));
        own.Reset();
        servers.Answer("\n");
        servers.Client.Write("").Subscribe();
        servers.Next().Fin();

        var back = servers.Next();
        Assert.That(ScriptedServers.First(back), Does.Contain($" epoch={epoch} tx=1 peer=0000000000000001 rx=0 "));
        back.Take();
        back.Say(Ok.Replace(" window", $" peer={epoch} rx=1 window", StringComparison.Ordinal));
        servers.Advance(10);

        Assert.That(string.Concat(back.Take()), Is.EqualTo("+0002\n"), "a was accepted, and is not said again");
    }

    [Test]
    public void What_the_server_sends_again_after_an_impostor_is_had_once()
    {
        var servers = new ScriptedServers();
        var lines = new List<string>();
        servers.Client.Lines.Subscribe(lines.Add);
        var own = servers.Next();
        own.Say(Ok + "+0001x\n");
        servers.Advance(10);
        own.Reset();
        // One of protocol 2, which has another memory.
        var impostor = servers.Next();
        impostor.Say(Ok.Replace("epoch=1", "epoch=66", StringComparison.Ordinal) + "+0001fake\n");
        servers.Advance(10);
        impostor.Reset();

        var back = servers.Next();
        back.Say(Ok + "+0001x\n+0002y\n");
        servers.Advance(10);

        Assert.That(lines, Is.EqualTo(new[] { "x", "fake", "y" }));
    }

    private static string Epoch(string opening) => opening.Split(' ').Single(t => t.StartsWith("epoch=", StringComparison.Ordinal))[6..];
}
