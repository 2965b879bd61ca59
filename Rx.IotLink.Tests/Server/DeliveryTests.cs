using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>When a line counts as accepted.</summary>
public sealed class DeliveryTests : ServerTest
{
    [Test]
    public async Task Several_observers_share_one_delivery_which_is_accepted_when_the_last_has_had_it()
    {
        var server = await StartServerAsync();
        var client = StartClient(server);
        var link = await server.WaitForAsync("1").Within();
        using var released = new ManualResetEventSlim();
        var first = link.Lines.Record();
        var entered = new TaskCompletionSource();
        link.Lines.Subscribe(_ =>
        {
            entered.TrySetResult();
            released.Wait();
        });
        var last = link.Lines.Record();
        var write = client.WriteAsync("shared");
        await entered.Task.Within("the second observer has it");

        Assert.That(first.Values, Is.EqualTo(["shared"]));
        Assert.That(write.IsCompleted, Is.False);
        Assert.That((link.Counters.Inbox, link.Counters.LinesReceived), Is.EqualTo((1, 0L)));
        released.Set();
        await write.Within();
        Assert.That(last.Values, Is.EqualTo(["shared"]));
        Assert.That((link.Counters.Inbox, link.Counters.LinesReceived), Is.EqualTo((0, 1L)));
    }

    [Test]
    public async Task Without_observer_lines_wait_unaccepted_and_arrive_when_somebody_subscribes()
    {
        var server = await StartServerAsync();
        var client = StartClient(ClientOptions(server.EndPoint) with { Protocol = 1 });
        var link = await server.WaitForAsync("1").Within();
        var writes = Enumerable.Range(0, 3).Select(i => client.WriteAsync($"{i}", ordering: Ordering.Concurrent)).ToList();
        // The first line of a process goes alone: the others follow its acceptance.
        await Bound.EventuallyAsync(() => link.Counters.Inbox == 1);
        Assert.That(writes.Select(w => w.IsCompleted), Is.All.False);

        using (link.Lines.Take(1).Subscribe())
            await writes[0].Within();
        await Bound.EventuallyAsync(() => link.Counters.Inbox == 2);
        Assert.That(writes.Skip(1).Select(w => w.IsCompleted), Is.All.False);

        var late = link.Lines.Record();
        await Task.WhenAll(writes).Within();
        Assert.That(late.Values, Is.EqualTo(["1", "2"]));
    }

    [Test]
    public async Task A_full_inbox_makes_the_peer_repeat_and_loses_nothing()
    {
        var server = await StartServerAsync(ServerOptions with { Timeout = Short, InboxLines = 4 });
        var client = StartClient(ClientOptions(server.EndPoint) with { Timeout = Short, Protocol = 1 });
        var link = await server.WaitForAsync("1").Within();
        using (link.Lines.Take(1).Subscribe())
            await client.WriteAsync("first").Within();
        var writes = Enumerable.Range(0, 12).Select(i => client.WriteAsync($"{i}", ordering: Ordering.Concurrent)).ToList();
        await Bound.EventuallyAsync(() => link.Counters is { Inbox: 4, LinesWithheld: > 0 });

        var late = link.Lines.Record();
        await Task.WhenAll(writes).Within();

        Assert.That(late.Values, Is.EquivalentTo(Enumerable.Range(0, 12).Select(i => $"{i}")));
    }

    [TestCase(4_000)]
    [TestCase(1_048_576)]
    public async Task The_longest_line_arrives_whole_both_ways(int bytes)
    {
        var server = await StartServerAsync(ServerOptions with { MaxLineBytes = bytes });
        var client = StartClient(ClientOptions(server.EndPoint) with { MaxLineBytes = bytes });
        var link = await server.WaitForAsync("1").Within();
        var (atServer, atClient) = (link.Lines.Record(), client.Lines.Record());
        var line = string.Concat(Enumerable.Repeat("\U0001f600é \r", bytes / 8));

        await Task.WhenAll(client.WriteAsync(line), link.WriteAsync(line), client.WriteAsync("next"), link.WriteAsync("next")).Within();

        Assert.That(atServer.Values, Is.EqualTo([line, "next"]));
        Assert.That(atClient.Values, Is.EqualTo([line, "next"]));
        Assert.That(async () => await client.WriteAsync($"{line}x").Within(), Throws.ArgumentException);
    }

    [Test]
    public async Task An_observer_that_comes_late_gets_what_comes_after_it()
    {
        var server = await StartServerAsync();
        var client = StartClient(server);
        var link = await server.WaitForAsync("1").Within();
        var early = link.Lines.Record();
        await client.WriteAsync("before").Within();
        var late = link.Lines.Record();
        await client.WriteAsync("after").Within();

        Assert.That(early.Values, Is.EqualTo(["before", "after"]));
        Assert.That(late.Values, Is.EqualTo(["after"]));
    }

    [Test]
    public async Task What_was_not_accepted_when_the_server_stopped_is_delivered_by_the_next()
    {
        var first = await StartServerAsync();
        var client = StartClient(ClientOptions(first.EndPoint) with { Timeout = Short });
        var link = await first.WaitForAsync("1").Within();
        var write = client.WriteAsync("nobody had it");
        await Bound.EventuallyAsync(() => link.Counters.Inbox == 1);
        await first.DisposeAsync().Within();
        Assert.That(write.IsCompleted, Is.False);

        var second = await StartServerAsync(ServerOptions with { Port = first.EndPoint.Port, Timeout = Short });

        Assert.That(await (await second.WaitForAsync("1").Within()).ReadLineAsync().Within(), Is.EqualTo("nobody had it"));
        await write.Within();
    }
}
