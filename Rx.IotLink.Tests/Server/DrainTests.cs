using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>What becomes, at the end, of lines that were written just before it.</summary>
public sealed class DrainTests : ServerTest
{
    [Test]
    public async Task Lines_written_just_before_StopAsync_are_accepted_by_the_client()
    {
        var server = await StartServerAsync(ServerOptions with { DrainTimeout = Bound.Limit });
        var client = StartClient(server);
        var received = client.Lines.Record();
        var link = await server.WaitForAsync("1").Within();

        var writes = Enumerable.Range(0, 200).Select(i => link.WriteAsync($"{i}")).ToList();
        await server.StopAsync().Within();

        await Task.WhenAll(writes).Within();
        Assert.That(received.Values, Is.EqualTo(Enumerable.Range(0, 200).Select(i => $"{i}")));
        Assert.That((await Log.Entries.FirstAsync(e => e.Id == 2)).Text, Does.StartWith("Stopped; 0 written lines"));
    }

    [Test]
    public async Task What_the_client_does_not_accept_in_time_is_reported_to_its_writer()
    {
        var server = await StartServerAsync(ServerOptions with { DrainTimeout = Short });
        StartClient(server);
        var link = await server.WaitForAsync("1").Within();

        // Nobody observes the client's lines, so that it accepts none.
        var writes = Enumerable.Range(0, 40).Select(i => link.WriteAsync($"{i}")).ToList();
        await server.StopAsync().Within();

        foreach (var write in writes)
            Assert.That(async () => await write.Within(), Throws.InstanceOf<LinkClosedException>().With.Property("Id").EqualTo("1"));
        Assert.That((await Log.Entries.FirstAsync(e => e.Id == 2)).Text, Does.StartWith("Stopped; 40 written lines"));
    }

    [Test]
    public async Task A_token_ends_the_waiting_of_StopAsync_but_not_the_stop()
    {
        var server = await StartServerAsync(ServerOptions with { DrainTimeout = TimeSpan.FromHours(1) });
        StartClient(server);
        var link = await server.WaitForAsync("1").Within();
        var write = link.WriteAsync("nobody takes it");
        using var impatience = new CancellationTokenSource();

        var stop = server.StopAsync(impatience.Token);
        Assert.That(write.IsCompleted, Is.False);
        await impatience.CancelAsync();

        await stop.Within();
        Assert.That(async () => await write.Within(), Throws.InstanceOf<LinkClosedException>());
    }

    [Test]
    public async Task A_link_that_is_down_is_waited_for_no_longer_than_the_others()
    {
        var server = await StartServerAsync(ServerOptions with { DrainTimeout = Short });
        var peer = await JoinAsync(server);
        var link = await server.WaitForAsync("1").Within();
        peer.Dispose();
        await link.State.FirstAsync(s => s.Status == LinkStatus.Down);
        var write = link.WriteAsync("to nobody");

        await server.StopAsync().Within();

        Assert.That(async () => await write.Within(), Throws.InstanceOf<LinkClosedException>());
    }

    [Test]
    public async Task A_silent_connection_does_not_hold_up_the_stop()
    {
        var server = await StartServerAsync(ServerOptions with { OpeningTimeout = TimeSpan.FromHours(1) });
        var silent = await ConnectAsync(server);
        await Bound.EventuallyAsync(() => server.Counters.Openings == 1);

        await server.StopAsync().Within();

        Assert.That(await silent.HearToEndAsync(), Is.Empty);
    }

    [Test]
    public async Task A_client_that_closes_has_its_last_lines_accepted()
    {
        var server = await StartServerAsync();
        var client = StartClient(ClientOptions(server.EndPoint) with { DrainTimeout = Bound.Limit });
        var link = await server.WaitForAsync("1").Within();
        var received = link.Lines.Record();
        var writes = Enumerable.Range(0, 50).Select(i => client.WriteAsync($"{i}")).ToList();

        await client.CloseAsync().Within();

        await Task.WhenAll(writes).Within();
        Assert.That(received.Values, Has.Count.EqualTo(50));
        var state = await link.State.FirstAsync(s => s.Status == LinkStatus.Down);
        Assert.That(state.Outage!.Reason, Is.EqualTo(OutageReason.PeerLeft));
    }

    [Test]
    public async Task A_line_whose_OnNext_still_runs_is_accepted_before_the_server_stops_and_not_given_to_its_successor()
    {
        var server = await StartServerAsync(ServerOptions with { DrainTimeout = Bound.Limit });
        var client = StartClient(server);
        using var handled = new ManualResetEventSlim();
        var (taken, takenNext) = (new Recorder<string>(), new Recorder<string>());
        (await server.WaitForAsync("1").Within()).Lines.Subscribe(line =>
        {
            taken.OnNext(line);
            handled.Wait();
        });
        var (pay, next) = (client.WriteAsync("pay"), client.WriteAsync("next"));
        await taken.TakeAsync(1);

        var stop = server.StopAsync();
        Assert.That(stop.IsCompleted, Is.False, "the handler is still at it");
        handled.Set();
        await stop.Within();
        await pay.Within();
        var successor = await StartServerAsync(ServerOptions with { Port = server.EndPoint.Port });
        successor.Links.Subscribe(link => link.Lines.Subscribe(takenNext));
        await next.Within();

        Assert.That(taken.Values, Is.EqualTo(["pay"]), "what follows it is left to the successor");
        Assert.That(takenNext.Values, Is.EqualTo(["next"]));
    }

    [Test]
    public async Task A_line_whose_OnNext_still_runs_is_accepted_before_the_client_closes()
    {
        var server = await StartServerAsync();
        var client = StartClient(ClientOptions(server.EndPoint) with { DrainTimeout = Bound.Limit });
        using var handled = new ManualResetEventSlim();
        var taken = new Recorder<string>();
        client.Lines.Subscribe(line =>
        {
            taken.OnNext(line);
            handled.Wait();
        });
        var write = (await server.WaitForAsync("1").Within()).WriteAsync("open");
        await taken.TakeAsync(1);

        var close = client.CloseAsync();
        Assert.That(close.IsCompleted, Is.False, "the handler is still at it");
        handled.Set();

        await close.Within();
        await write.Within();
    }

    [Test]
    public async Task What_an_OnNext_writes_at_the_end_is_accepted_too()
    {
        var server = await StartServerAsync(ServerOptions with { DrainTimeout = Bound.Limit });
        var client = StartClient(server);
        using var handled = new ManualResetEventSlim();
        var (taken, answers) = (new Recorder<string>(), client.Lines.Record());
        var link = await server.WaitForAsync("1").Within();
        link.Lines.Subscribe(line =>
        {
            taken.OnNext(line);
            handled.Wait();
            link.Writer.OnNext($"done: {line}");
        });
        var write = client.WriteAsync("pay");
        await taken.TakeAsync(1);

        var stop = server.StopAsync();
        handled.Set();
        await stop.Within();

        await write.Within();
        Assert.That(answers.Values, Is.EqualTo(["done: pay"]));
    }

    [Test]
    public async Task An_OnNext_that_never_returns_is_waited_for_no_longer_than_the_drain_timeout()
    {
        var server = await StartServerAsync(ServerOptions with { DrainTimeout = Short });
        var client = StartClient(ClientOptions(server.EndPoint) with { DrainTimeout = Short });
        using var never = new ManualResetEventSlim();
        var (atServer, atClient) = (new Recorder<string>(), new Recorder<string>());
        var link = await server.WaitForAsync("1").Within();
        link.Lines.Subscribe(line => Block(atServer, line));
        client.Lines.Subscribe(line => Block(atClient, line));
        var (up, down) = (client.WriteAsync("up"), link.WriteAsync("down"));
        await Task.WhenAll(atServer.TakeAsync(1), atClient.TakeAsync(1));

        await client.CloseAsync().Within();
        await server.StopAsync().Within();

        Assert.That(async () => await up.Within(), Throws.InstanceOf<LinkClosedException>());
        Assert.That(async () => await down.Within(), Throws.InstanceOf<LinkClosedException>());
        never.Set();

        void Block(Recorder<string> recorder, string line)
        {
            recorder.OnNext(line);
            never.Wait();
        }
    }
}
