using System.Net;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>Who is there: Links, Changes, Find.</summary>
public sealed class FleetTests : ServerTest
{
    [Test]
    public async Task Each_link_is_given_once_and_replayed_to_late_observers()
    {
        var server = await StartServerAsync();
        var early = server.Links.Record();
        for (var round = 0; round < 2; round++)
        {
            foreach (var id in (string[])["1", "2", "3"])
            {
                var peer = await JoinAsync(server, id);
                peer.Dispose();
                await server.Find(id)!.State.FirstAsync(s => s.Status == LinkStatus.Down && s.Connections == round + 1);
            }
        }

        await JoinAsync(server, "4");
        var late = server.Links.Record();

        Assert.That((await early.TakeAsync(4)).Select(l => l.Id), Is.EqualTo(["1", "2", "3", "4"]));
        Assert.That(late.Values, Is.EqualTo(early.Values), "given before Subscribe returns");
        Assert.That(server.Counters.Links, Is.EqualTo(4));
    }

    [Test]
    public async Task The_links_of_a_stopped_server_can_still_be_had()
    {
        var server = await StartServerAsync();
        await JoinAsync(server);
        await server.StopAsync().Within();

        var late = server.Links.Record();

        await late.Ended.Within();
        Assert.That(late.Values.Single(), Is.SameAs(server.Find("1")));
        Assert.That(await server.WaitForAsync("1").Within(), Is.SameAs(server.Find("1")));
        Assert.That((await late.Values[0].State.FirstAsync(_ => true)).Status, Is.EqualTo(LinkStatus.Closed));
    }

    [Test]
    public async Task Find_knows_who_has_connected_and_only_them()
    {
        var server = await StartServerAsync(ServerOptions with { Expected = ["1", "2"] });
        await JoinAsync(server);

        Assert.That(server.Find("1")!.Id, Is.EqualTo("1"));
        Assert.That(server.Find("2"), Is.Null, "expected, but not seen yet");
        Assert.That(server.Find("3"), Is.Null);
    }

    [Test]
    public async Task Changes_give_a_devices_story_in_order()
    {
        var server = await StartServerAsync();
        var changes = server.Changes.Record();
        var first = await JoinAsync(server);
        await changes.FirstAsync(c => c.Kind == LinkChangeKind.Up);
        var intruder = await ConnectAsync(server, "1");
        Assert.That(await intruder.HearToEndAsync(), Is.Empty);
        await changes.FirstAsync(c => c.Kind == LinkChangeKind.Refused);
        first.Dispose();
        await changes.FirstAsync(c => c.Kind == LinkChangeKind.Down);
        var second = await JoinAsync(server);

        var told = await changes.TakeAsync(5);

        Assert.That(told.Select(c => c.Kind), Is.EqualTo([LinkChangeKind.Joined, LinkChangeKind.Up, LinkChangeKind.Refused, LinkChangeKind.Down, LinkChangeKind.Up]));
        Assert.That(told.Select(c => c.Id), Is.All.EqualTo("1"));
        Assert.That(told.Select(c => c.Link), Is.All.SameAs(server.Find("1")));
        Assert.That(told[0].RemoteEndPoint, Is.EqualTo(first.Address));
        Assert.That(told[2].RemoteEndPoint, Is.EqualTo(intruder.Address));
        Assert.That(told[2].Refusal, Is.EqualTo(Refusal.IdLive));
        Assert.That(told[3].Detail, Does.Contain("ClosedByPeer"));
        Assert.That(told[4].RemoteEndPoint, Is.EqualTo(second.Address));
        Assert.That(told.Where(c => c.Kind != LinkChangeKind.Refused).Select(c => c.Refusal), Is.All.Null);
    }

    [Test]
    public async Task A_refused_stranger_is_a_change_without_a_link()
    {
        var server = await StartServerAsync(ServerOptions with { UnknownIds = UnknownIdPolicy.Refuse });
        var changes = server.Changes.Record();
        var stranger = await ConnectAsync(server, "stranger");

        var told = (await changes.TakeAsync(1)).Single();

        Assert.That(told, Is.EqualTo(new LinkChange(LinkChangeKind.Refused, "stranger", null, stranger.Address, "the id is not expected", Refusal.UnknownId)));
    }

    /// <summary>
    /// Two sockets with one new id at the same moment: one is let in, one refused, and nothing is missing from the
    /// story.
    /// </summary>
    [Test]
    public async Task Many_connections_with_one_new_id_make_one_link()
    {
        var server = await StartServerAsync();
        var changes = server.Changes.Record();
        var links = server.Links.Record();
        for (var round = 0; round < 20; round++)
        {
            var id = $"{round}";
            await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => ConnectAsync(server, id)));
            var told = await changes.UntilAsync(c => c.Count(x => x.Id == id) >= 9, "Joined, Up and 7 times Refused");
            var kinds = told.Where(c => c.Id == id).Select(c => c.Kind).ToList();
            Assert.That(kinds.Count(k => k == LinkChangeKind.Joined), Is.EqualTo(1));
            Assert.That(kinds.Count(k => k == LinkChangeKind.Up), Is.EqualTo(1));
            Assert.That(kinds.Count(k => k == LinkChangeKind.Refused), Is.EqualTo(7));
            Assert.That(kinds.IndexOf(LinkChangeKind.Joined), Is.LessThan(kinds.IndexOf(LinkChangeKind.Up)));
        }

        Assert.That((await links.TakeAsync(20)).Select(l => l.Id), Is.Unique);
    }

    [Test]
    public async Task An_observer_that_throws_harms_neither_the_server_nor_the_others()
    {
        var server = await StartServerAsync();
        server.Links.Subscribe(_ => throw new InvalidOperationException("links"));
        server.Changes.Subscribe(_ => throw new InvalidOperationException("changes"));
        var (links, changes) = (server.Links.Record(), server.Changes.Record());

        await JoinAsync(server, "1");
        await JoinAsync(server, "2");

        await links.TakeAsync(2);
        await changes.TakeAsync(4);
        var told = await Log.Entries.UntilAsync(l => l.Count(e => e.Id == 32) == 2);
        Assert.That(told.Where(e => e.Id == 32).Select(e => e.Error!.Message), Is.EquivalentTo(["links", "changes"]));
    }

    [Test]
    public async Task The_address_of_the_last_connection_is_that_of_the_link()
    {
        var server = await StartServerAsync();
        var changes = server.Changes.Record();
        var peer = await JoinAsync(server, "1", IPAddress.Parse("127.0.0.2"));

        var up = await changes.FirstAsync(c => c.Kind == LinkChangeKind.Up);

        Assert.That(up.RemoteEndPoint, Is.EqualTo(peer.Address));
        Assert.That(((IPEndPoint)up.RemoteEndPoint!).Address, Is.EqualTo(IPAddress.Parse("127.0.0.2")));
    }
}
