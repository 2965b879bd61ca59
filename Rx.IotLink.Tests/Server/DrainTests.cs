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
    public async Task What_the_client_does_not_accept_in_time_is_told_to_its_writer()
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
}
