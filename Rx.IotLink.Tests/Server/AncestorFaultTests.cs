using System.Net;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Server;

/// <summary>
/// Faults of micropython-iot's server that ours must not have, by their numbers in the specification of protocol 1.
/// </summary>
public sealed class AncestorFaultTests : ServerTest
{
    private static readonly IPAddress Elsewhere = IPAddress.Parse("127.0.0.2");

    [Test]
    public async Task Fault_3_One_byte_0xff_as_id_does_not_end_the_server()
    {
        var server = await StartServerAsync();
        var bad = await ConnectAsync(server);
        await bad.SayAsync(new byte[] { 0xff, (byte)'\n' });
        Assert.That(await bad.HearToEndAsync(), Is.Empty);

        await JoinAsync(server);

        Assert.That(server.Counters.Refused[Refusal.BadId], Is.EqualTo(1));
    }

    [Test]
    public async Task Fault_4_A_silent_connection_blocks_nobody()
    {
        var server = await StartServerAsync(ServerOptions with { OpeningTimeout = TimeSpan.FromHours(1) });
        var silent = await ConnectAsync(server);
        await Bound.EventuallyAsync(() => server.Counters.Openings == 1);

        await JoinAsync(server);

        Assert.That(server.Counters.Openings, Is.EqualTo(1), "still silent, still there");
        await silent.SayAsync("late\n");
        await server.WaitForAsync("late").Within();
    }

    [Test]
    public async Task Fault_4_An_id_without_line_feed_does_not_grow_without_bound()
    {
        var server = await StartServerAsync(ServerOptions with { OpeningTimeout = TimeSpan.FromHours(1) });
        var endless = await ConnectAsync(server);
        var flood = endless.FloodAsync(new string('x', 1_000).Select(c => (byte)c).ToArray(), CancellationToken.None);

        var logged = await Log.Entries.FirstAsync(e => e.Id == 13);

        Assert.That(logged.Text, Does.Contain("TooLong").And.Contain("more than 128 bytes"));
        await flood.Within("the server takes no more");
        await JoinAsync(server);
    }

    [Test]
    public async Task Fault_9_A_pinned_id_gives_its_pending_lines_to_nobody_from_another_address()
    {
        var server = await StartServerAsync(ServerOptions with { PinAddresses = true });
        var (link, write) = await LeaveWithPendingLineAsync(server);
        var thief = await ConnectAsync(server, "1", Elsewhere);
        await thief.SayAsync("\n");

        Assert.That(await thief.HearToEndAsync(), Is.Empty);
        Assert.That(server.Counters.Refused[Refusal.OtherAddress], Is.EqualTo(1));
        var owner = await JoinAsync(server);
        await owner.SayAsync("\n");
        Assert.That(await owner.HearLineAsync(), Is.EqualTo("00secret"));
        await owner.SayAsync("00\n");
        await write.Within();
        Assert.That(link.Counters.LinesAcknowledged, Is.EqualTo(1));
    }

    [Test]
    public async Task Fault_9_Without_pins_a_change_of_address_is_reported()
    {
        var server = await StartServerAsync();
        var (link, _) = await LeaveWithPendingLineAsync(server);
        var notices = link.Notices.Record();

        var other = await JoinAsync(server, "1", Elsewhere);

        var notice = await notices.FirstAsync(n => n.Kind == LinkNoticeKind.AddressChanged);
        Assert.That(notice.Detail, Is.EqualTo("'1' came from 127.0.0.2, before from 127.0.0.1"));
        Assert.That((await Log.Entries.FirstAsync(e => e.Id == 12)).Text, Is.EqualTo("1 came from 127.0.0.2, before from 127.0.0.1"));
        await other.SayAsync("\n");
        Assert.That(await other.HearLineAsync(), Is.EqualTo("00secret"), "protocol 1 cannot distinguish them");
    }

    [Test]
    public async Task Fault_9_One_who_is_refused_because_the_id_is_live_does_not_change_its_address()
    {
        var server = await StartServerAsync();
        var owner = await JoinAsync(server);
        var link = await server.WaitForAsync("1").Within();
        var (notices, changes) = (link.Notices.Record(), server.Changes.Record());
        var thief = await ConnectAsync(server, "1", Elsewhere);
        Assert.That(await thief.HearToEndAsync(), Is.Empty);
        owner.Dispose();
        await changes.FirstAsync(c => c.Kind == LinkChangeKind.Down);
        await JoinAsync(server);
        await changes.FirstAsync(c => c.Kind == LinkChangeKind.Up);

        await server.StopAsync().Within();

        await notices.Ended.Within();
        Assert.That(notices.Values.Select(n => n.Detail), Is.Empty);
        Assert.That(Log.Entries.Values.Where(e => e.Id == 12).Select(e => e.Text), Is.Empty);
    }

    private async Task<(ILink Link, Task Write)> LeaveWithPendingLineAsync(IotLinkServer server)
    {
        var owner = await JoinAsync(server);
        var link = await server.WaitForAsync("1").Within();
        owner.Dispose();
        await link.State.FirstAsync(s => s.Status == LinkStatus.Down);
        return (link, link.WriteAsync("secret"));
    }
}
