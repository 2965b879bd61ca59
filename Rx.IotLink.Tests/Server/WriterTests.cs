using System.Reactive.Linq;
using System.Reactive.Subjects;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>The observer that writes, and what it does when the outbox is full.</summary>
public sealed class WriterTests : ServerTest
{
    [Test]
    public async Task Lines_of_an_observable_are_written_in_order()
    {
        var server = await StartServerAsync();
        var client = StartClient(server);
        var received = client.Lines.Record();
        var link = await server.WaitForAsync("1").Within();

        Observable.Range(0, 100).Select(i => $"{i}").Subscribe(link.Writer);
        await link.DrainAsync().Within();

        Assert.That(received.Values, Is.EqualTo(Enumerable.Range(0, 100).Select(i => $"{i}")));
        await link.WriteAsync("the end of the source is not the end of the link").Within();
    }

    [Test]
    public async Task Fail_throws_to_the_source_and_loses_nothing_unnoticed()
    {
        var (server, link) = await LinkThatIsDownAsync(OverflowPolicy.Fail);
        var notices = link.Notices.Record();
        Write(link, "a", "b", "c");

        Assert.That(() => link.Writer.OnNext("d"), Throws.InstanceOf<OutboxFullException>().With.Property("Id").EqualTo("1").And.Message.EqualTo("The outbox of link '1' is full: OutboxLines is 3 lines."));

        Assert.That(await ReceiveAsync(server, 3), Is.EqualTo(["a", "b", "c"]));
        Assert.That(link.Counters.LinesDropped, Is.Zero);
        Assert.That(notices.Values, Is.Empty);
        Write(link, "e");
    }

    [TestCase(OverflowPolicy.DropOldest, "c", "d", "e")]
    [TestCase(OverflowPolicy.DropNewest, "a", "b", "c")]
    public async Task Dropping_is_counted_and_reported(OverflowPolicy policy, params string[] left)
    {
        var (server, link) = await LinkThatIsDownAsync(policy);
        var notices = link.Notices.Record();
        Write(link, "a", "b", "c", "d", "e");

        var told = await notices.TakeAsync(2);

        Assert.That(told.Select(n => n.Kind), Is.All.EqualTo(LinkNoticeKind.LineDropped));
        Assert.That(told[1].Detail, Is.EqualTo($"the outbox holds 3 lines: {policy}, 2 so far"));
        Assert.That((link.Counters.LinesDropped, link.Counters.Outbox), Is.EqualTo((2L, 3)));
        Assert.That(await ReceiveAsync(server, 3), Is.EqualTo(left));
    }

    [Test]
    public async Task A_line_that_somebody_awaits_does_not_give_way_to_the_newest()
    {
        var (server, link) = await LinkThatIsDownAsync(OverflowPolicy.DropOldest);
        var writes = new[] { link.WriteAsync("a"), link.WriteAsync("b"), link.WriteAsync("c") };
        Write(link, "dropped");
        Assert.That(link.Counters.LinesDropped, Is.EqualTo(1));

        Assert.That(await ReceiveAsync(server, 3), Is.EqualTo(["a", "b", "c"]));
        await Task.WhenAll(writes).Within();
    }

    [Test]
    public async Task A_line_that_was_sent_does_not_give_way()
    {
        var server = await StartServerAsync(ServerOptions with { OutboxLines = 2, WriterOverflow = OverflowPolicy.DropOldest });
        var peer = await JoinAsync(server);
        var link = server.Find("1")!;
        Write(link, "sent");
        await peer.SayAsync("\n");
        Assert.That(await peer.HearLineAsync(), Is.EqualTo("00sent"));

        Write(link, "dropped", "last");

        await peer.SayAsync("00\n");
        Assert.That(await peer.HearLineAsync(), Is.EqualTo("01last"));
    }

    [Test]
    public async Task A_source_that_fails_is_reported_and_harms_nothing()
    {
        var server = await StartServerAsync();
        var client = StartClient(server);
        var received = client.Lines.Record();
        var link = await server.WaitForAsync("1").Within();
        var notices = link.Notices.Record();
        using var source = new Subject<string>();
        source.Subscribe(link.Writer);

        source.OnError(new InvalidOperationException("sensor"));

        var notice = (await notices.TakeAsync(1))[0];
        Assert.That((notice.Kind, notice.Detail), Is.EqualTo((LinkNoticeKind.SourceFailed, "a source of the writer failed with InvalidOperationException: sensor")));
        Write(link, "goes on");
        await received.TakeAsync(1);
    }

    [Test]
    public async Task A_line_that_breaks_a_rule_is_thrown_back()
    {
        var (_, link) = await LinkThatIsDownAsync(OverflowPolicy.Fail);

        foreach (var bad in (string[])["", "two\nlines", "\ud800"])
            Assert.That(() => link.Writer.OnNext(bad), Throws.ArgumentException);
        Assert.That(link.Counters.Outbox, Is.Zero);
    }

    private async Task<(IotLinkServer Server, ILink Link)> LinkThatIsDownAsync(OverflowPolicy policy)
    {
        var server = await StartServerAsync(ServerOptions with { OutboxLines = 3, WriterOverflow = policy });
        (await JoinAsync(server)).Dispose();
        var link = server.Find("1")!;
        await link.State.FirstAsync(s => !s.IsUp);
        return (server, link);
    }

    private static void Write(ILink link, params string[] lines)
    {
        foreach (var line in lines)
            link.Writer.OnNext(line);
    }

    /// <summary>The lines that the link's client is given, when it comes back.</summary>
    private async Task<IReadOnlyList<string>> ReceiveAsync(IotLinkServer server, int count)
    {
        var received = StartClient(ClientOptions(server.EndPoint) with { Protocol = 1 }).Lines.Record();
        await received.TakeAsync(count);
        await server.Find("1")!.DrainAsync().Within();
        return received.Values;
    }
}
