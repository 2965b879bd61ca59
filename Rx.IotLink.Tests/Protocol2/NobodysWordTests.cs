using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Tests.Protocol2.Driving;

namespace Rx.IotLink.Tests.Protocol2;

/// <summary>
/// Whoever answers a client, or is on the path behind the proofs, may say anything. Nothing of it ends the link, or
/// puts its next attempt off for longer than the client bears.
/// </summary>
public sealed class NobodysWordTests
{
    private const string Ok = "IOTLINK/2 ok epoch=1 tx=1 window=9 max=99 timeout=2000\n";
    private static readonly byte[] Key = [.. Enumerable.Range(0, 16).Select(n => (byte)n)];

    [TestCase(false)]
    [TestCase(true)]
    public void A_long_retry_is_heeded_up_to_a_bound(bool withKey)
    {
        var servers = new ScriptedServers(o => withKey ? o with { Key = Key } : o);
        var notices = new List<LinkNotice>();
        servers.Client.Notices.Subscribe(notices.Add);

        servers.Answer("IOTLINK/2 no code=overloaded retry=86400000\n");
        var before = servers.Now;
        servers.Next();

        Assert.That(servers.Now - before, Is.InRange(TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(7.6)));
        Assert.That(notices.Select(n => n.Kind), Is.EqualTo([LinkNoticeKind.ConnectFailed]));
    }

    [Test]
    public void The_bound_may_be_chosen()
    {
        var servers = new ScriptedServers(o => o with { MaxRetryAfter = TimeSpan.FromSeconds(10) });

        servers.Answer("IOTLINK/2 no code=overloaded retry=86400000\n");
        var before = servers.Now;
        servers.Next();

        Assert.That(servers.Now - before, Is.InRange(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(15.2)));
    }

    [TestCase("no code=auth", false, false)]
    [TestCase("no code=unknown-id", false, false)]
    [TestCase("no code=auth", true, false)]
    [TestCase("no code=auth", true, true)]
    [TestCase("displaced", false, false)]
    [TestCase("displaced", true, true)]
    public void A_refusal_is_reported_and_tried_again_after_the_longest_pause(string kind, bool withKey, bool proven)
    {
        var servers = new ScriptedServers(o => withKey ? o with { Key = Key } : o);
        var notices = new List<LinkNotice>();
        servers.Client.Notices.Subscribe(notices.Add);
        var writing = servers.Client.WriteAsync("secret");

        for (var attempt = 1; attempt <= 3; attempt++)
        {
            var server = servers.Next();
            if (proven)
                server.Say(Challenge(ScriptedServers.First(server).TrimEnd('\n')));
            server.Say(kind == "displaced" ? $"{Ok}!bye displaced\n" : $"IOTLINK/2 {kind}\n");
            servers.Advance(1);
            var before = servers.Now;
            Assert.That(notices.Last(n => n.Kind is not LinkNoticeKind.PeerRestarted and not LinkNoticeKind.SessionNotResumed).Kind, Is.EqualTo(LinkNoticeKind.Refused));
            servers.Answer("IOTLINK/2 no code=busy retry=0\n");
            Assert.That(servers.Now - before, Is.InRange(TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(30.2)));
        }

        Assert.That(servers.Client.State.FirstAsync().Wait().IsFinal, Is.False);
        Assert.That(writing.IsCompleted, Is.False);
    }

    [TestCase("IOTLINK/2 no code=auth\n")]
    [TestCase("IOTLINK/2 no code=auth retry=86400000\n")]
    [TestCase("!bye\n")]
    [TestCase("!bye key%20revoked\n")]
    [TestCase("=ffff\n")]
    [TestCase("\0\n")]
    public void Whatever_is_put_into_a_proven_connection_costs_that_connection(string said)
    {
        var servers = new ScriptedServers(o => o with { Key = Key });
        var writing = servers.Client.WriteAsync("kept");
        var proven = servers.Next();
        proven.Say(Challenge(ScriptedServers.First(proven).TrimEnd('\n')));
        proven.Say(Ok);
        servers.Advance(1);
        Assert.That(servers.Client.State.FirstAsync().Wait().IsUp, Is.True);

        proven.Say(said);
        servers.Advance(1);
        var before = servers.Now;
        servers.Next();

        Assert.That(servers.Now - before, Is.LessThan(TimeSpan.FromSeconds(31)));
        Assert.That(writing.IsCompleted, Is.False);
    }

    [Test]
    public void A_timeout_that_is_longer_than_the_client_bears_is_a_failed_attempt()
    {
        var servers = new ScriptedServers();
        var notices = new List<LinkNotice>();
        servers.Client.Notices.Subscribe(notices.Add);

        servers.Answer(Ok.Replace("timeout=2000", "timeout=300001", StringComparison.Ordinal));
        Assert.That(servers.Client.State.FirstAsync().Wait().IsUp, Is.False);
        servers.Answer(Ok.Replace("timeout=2000", "timeout=300000", StringComparison.Ordinal));

        Assert.That(servers.Client.State.FirstAsync().Wait().IsUp, Is.True);
        Assert.That(notices[0].Detail, Does.StartWith("the server's timeout of 300.001 s is longer than this client bears (300 s); attempt 2 follows in "));
    }

    [Test]
    public void A_client_bears_a_timeout_as_long_as_its_own()
    {
        var servers = new ScriptedServers(o => o with { Timeout = TimeSpan.FromMinutes(10) });

        servers.Answer(Ok.Replace("timeout=2000", "timeout=600000", StringComparison.Ordinal));

        Assert.That(servers.Client.State.FirstAsync().Wait().IsUp, Is.True);
    }

    [Test]
    public void A_stranger_that_says_displaced_to_an_open_server_does_not_end_the_link_there()
    {
        using var bench = new ServerBench();
        var stranger = bench.Connect(ServerBench.Opening("00000000000000bb"));
        stranger.Say("!bye displaced\n");
        bench.Run(TimeSpan.FromSeconds(1));

        var device = bench.Connect(ServerBench.Opening("00000000000000aa"));

        Assert.That(device.Take()[0], Does.StartWith("IOTLINK/2 ok "));
    }

    private static string Challenge(string opening)
    {
        var challenge = Proof.Challenge(new byte[Proof.NonceBytes]);
        return $"{challenge} mac={Proof.Hex(Proof.OfServer(Key, opening, challenge))}\n";
    }
}
