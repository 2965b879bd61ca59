using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Protocol.Driving;

namespace Rx.IotLink.Tests.Protocol.Linking;

/// <summary>
/// How a server receives connections, up to their ids: the rules of opening that concern more than one connection.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ReceptionTests : IDisposable
{
    private static readonly long UntilTheFirstIsAcknowledged = TimeSpan.FromMilliseconds(20).Ticks;

    private static readonly TimeSpan T = ProtocolDriver.T;

    private readonly TestScheduler scheduler = new();
    private readonly IotLinkServer server;
    private readonly List<LinkChange> changes = [];

    public ReceptionTests()
    {
        server = new IotLinkServer(new() { Listen = false, Expected = ["qos"], Scheduler = scheduler, OpeningTimeout = T });
        server.Changes.Subscribe(changes.Add);
    }

    public void Dispose()
    {
        using var now = new CancellationTokenSource();
        now.Cancel();
        _ = server.StopAsync(now.Token);
    }

    [Test]
    public void The_first_line_is_the_id_and_is_answered_with_a_keepalive_at_once()
    {
        var client = Arrive();
        scheduler.AdvanceTo(1_000);
        Assert.That(client.Heard, Is.Empty);
        client.Say("qos\n");
        Assert.That(client.Heard, Is.EqualTo([(1_000L, "\n")]));
        Assert.That(server.Find("qos"), Is.Not.Null);
    }

    [TestCase("")]
    [TestCase("q")]
    public void A_connection_that_sends_no_whole_line_within_T_is_closed_and_not_a_tick_earlier(string first)
    {
        var client = Arrive();
        scheduler.AdvanceTo(T.Ticks / 2);
        if (first.Length > 0)
            client.Say(first);
        scheduler.AdvanceTo(T.Ticks - 1);
        Assert.That(client.IsEnded, Is.False);
        scheduler.AdvanceTo(T.Ticks);
        Assert.That((client.IsEnded, client.Heard.Count), Is.EqualTo((true, 0)));
        scheduler.AdvanceBy(1);
        Assert.That(changes.Single().Refusal, Is.EqualTo(Refusal.OpeningTimeout));
    }

    [Test]
    public void An_id_that_comes_in_pieces_is_one_id()
    {
        var client = Arrive();
        foreach (var piece in new[] { "q", "o", "s", "\n" })
        {
            scheduler.AdvanceBy(T.Ticks / 5);
            client.Say(piece);
        }

        scheduler.AdvanceBy((T.Ticks * 3 / 4) + 1);
        Assert.That(client.IsEnded, Is.False, "its time to open does not count any more");
        Assert.That(server.Find("qos"), Is.Not.Null);
    }

    [Test]
    public void A_silent_connection_holds_up_no_other()
    {
        var silent = Enumerable.Range(0, 50).Select(_ => Arrive()).ToList();
        var client = Arrive();
        client.Say("qos\n");
        Assert.That(client.Heard, Is.EqualTo([(0L, "\n")]));
        Assert.That(silent.Select(s => s.IsEnded), Is.All.False);
    }

    [Test]
    public void An_id_that_is_live_is_closed_without_a_word_and_the_old_connection_is_undisturbed()
    {
        var first = Arrive();
        first.Say("qos\n");
        scheduler.AdvanceTo(1);
        first.Take();
        var second = Arrive();
        second.Say("qos\n00forged\n");
        Assert.That((second.IsEnded, second.Heard.Count), Is.EqualTo((true, 0)));
        Assert.That(first.IsEnded, Is.False);
        scheduler.AdvanceBy(1);
        Assert.That(changes[^1].Refusal, Is.EqualTo(Refusal.IdLive));

        Listen("qos", out var lines);
        first.Say("00hello\n");
        scheduler.AdvanceBy(2);
        Assert.That(lines, Is.EqualTo(["hello"]));
        scheduler.AdvanceBy(UntilTheFirstIsAcknowledged);
        Assert.That(first.Take(), Is.EqualTo(["00\n"]));
    }

    [Test]
    public void An_id_that_is_down_is_a_reconnection_of_the_same_link()
    {
        var first = Arrive();
        first.Say("qos\n");
        var link = server.Find("qos");
        first.Fin();
        Arrive().Say("qos\n");
        Assert.That(server.Find("qos"), Is.SameAs(link));
        Assert.That(link!.State.FirstAsync().Wait(), Has.Property(nameof(LinkState.Connections)).EqualTo(2).And.Property(nameof(LinkState.IsUp)).True);
    }

    [Test]
    public void What_comes_in_the_same_packet_as_the_id_is_held_also_on_a_reconnection()
    {
        var first = Arrive();
        first.Say("qos\n00hello\n01wor");
        Listen("qos", out var lines);
        scheduler.AdvanceBy(UntilTheFirstIsAcknowledged);
        first.Say("ld\n");
        first.Fin();
        Arrive().Say("qos\n02again\n");
        scheduler.AdvanceBy(3);
        Assert.That(lines, Is.EqualTo(["hello", "world", "again"]));
    }

    [Test]
    public void An_unknown_id_is_served_like_any_other()
    {
        var client = Arrive();
        client.Say("ghost\n00hello\n");
        Listen("ghost", out var lines);
        scheduler.AdvanceBy(UntilTheFirstIsAcknowledged);
        Assert.That(lines, Is.EqualTo(["hello"]));
        Assert.That(client.Take(), Is.EqualTo(["\n", "00\n"]));
    }

    [TestCase("\n", Description = "the id was lost, this is a keepalive")]
    [TestCase("qos\r\n")]
    [TestCase("q\0s\n")]
    public void What_cannot_be_an_id_is_closed_without_a_word(string line)
    {
        var client = Arrive();
        client.Say(line);
        Assert.That((client.IsEnded, client.Heard.Count), Is.EqualTo((true, 0)));
        scheduler.AdvanceBy(1);
        Assert.That(changes.Single().Refusal, Is.EqualTo(Refusal.BadId));
    }

    [Test]
    public void A_connection_that_closes_before_its_id_is_reported_as_such()
    {
        var client = Arrive();
        client.Say("qo");
        client.Fin();
        Assert.That(client.IsEnded, Is.True);
        scheduler.AdvanceBy(1);
        Assert.That(changes.Single().Refusal, Is.EqualTo(Refusal.NoId));
    }

    private ScriptedPeer Arrive()
    {
        var client = new ScriptedPeer(() => scheduler.Clock);
        _ = server.ServeAsync(client);
        return client;
    }

    private void Listen(string id, out List<string> lines)
    {
        var seen = lines = [];
        server.Find(id)!.Lines.Subscribe(seen.Add);
    }
}
