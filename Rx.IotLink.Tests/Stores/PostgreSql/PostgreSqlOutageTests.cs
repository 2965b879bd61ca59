using System.Globalization;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.Tests.Server.Tools;
using Stores;

namespace Rx.IotLink.Tests.Stores.PostgreSql;

/// <summary>A database that is killed, stopped and started again. Each test has a server of its own.</summary>
internal sealed class PostgreSqlOutageTests : ServerTest
{
    private const int Devices = 4;

    private PostgresCluster cluster = null!;

    [SetUp]
    public async Task StartAsync() => cluster = Own(await PostgresCluster.StartAsync());

    /// <summary>Each time while a batch is on its way.</summary>
    [Test]
    public async Task A_server_that_is_killed_keeps_each_batch_wholly_or_not_at_all_and_all_that_were_said_to_be_kept()
    {
        const int Kills = 10;
        await using var store = await OpenAsync();
        var random = new Random(1);
        var last = 0L;
        for (var kill = 0; kill < Kills; kill++)
        {
            var (until, before) = (last + random.Next(1, 40), last);
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var writing = BatchStream.WriteAsync(store, Devices, long.MaxValue, number =>
            {
                Assert.That(number, Is.EqualTo(++last));
                if (number == until)
                    reached.SetResult();
                return Task.CompletedTask;
            });
            await reached.Task.Within();
            await cluster.KillAsync();
            var failed = await Assert.CatchAsync(() => writing.Within());
            Assert.That((failed as SessionStoreException)?.Fault, Is.EqualTo(SessionStoreFault.Unavailable), $"{failed}");
            await cluster.RunAsync();

            var kept = await BatchStream.CheckAsync(store, Devices);
            Assert.That(kept, Is.EqualTo(last).Or.EqualTo(last + 1), $"kill {kill}: the last batch may be kept and not said");
            last = kept;
        }
    }

    [Test]
    public async Task While_the_server_is_away_nothing_is_acknowledged_and_then_all_arrives_once_and_in_order()
    {
        var (device, lines, notices) = await ConnectAsync();
        var sent = 0;
        for (var kill = 0; kill < 3; kill++)
        {
            sent = Send(device, sent, 50);
            await Bound.EventuallyAsync(() => device.Counters.LinesAcknowledged >= sent - 25);
            await cluster.KillAsync();
            var kept = device.Counters.LinesAcknowledged;
            sent = Send(device, sent, 50);
            await Bound.EventuallyAsync(() => Kinds(notices).LastOrDefault() == LinkNoticeKind.StoreFailed, $"kill {kill}: the link says that the store fails");
            // What was kept before the end may be said after it.
            var acknowledged = device.Counters.LinesAcknowledged;
            Assert.That(acknowledged - kept, Is.LessThanOrEqualTo(50));
            await Observable.Timer(TimeSpan.FromMilliseconds(500));
            Assert.That(device.Counters.LinesAcknowledged, Is.EqualTo(acknowledged), "nothing is acknowledged while the store is away");
            await cluster.RunAsync();
            await device.DrainAsync().Within();
        }

        Assert.That(lines, Is.EqualTo(Enumerable.Range(0, sent).Select(Text)));
        Assert.That(Kinds(notices), Is.EqualTo(Enumerable.Repeat(new[] { LinkNoticeKind.StoreFailed, LinkNoticeKind.StoreWorks }, 3).SelectMany(kind => kind)));
        Assert.That(notices[0].Detail, Does.Contain("The session store 'iotlink' of the database 'postgres'").And.Not.Contain(PostgresCluster.Password));
        Assert.That(await cluster.SqlAsync("SELECT accepted FROM iotlink.sessions"), Is.EqualTo(sent));
    }

    /// <summary>Neither an end of the connection nor an answer comes: only the time shows it.</summary>
    [Test]
    public async Task A_server_that_is_stopped_and_goes_on_later_loses_and_repeats_nothing()
    {
        var (device, lines, notices) = await ConnectAsync();
        var sent = Send(device, 0, 50);
        await device.DrainAsync().Within();
        var pids = await PidsAsync("true");
        foreach (var pid in pids)
            await cluster.SignalAsync("STOP", pid);
        await cluster.SignalAsync("STOP");
        sent = Send(device, sent, 50);
        await Bound.EventuallyAsync(() => Kinds(notices).LastOrDefault() == LinkNoticeKind.StoreFailed);
        Assert.That(notices[^1].Detail, Does.Contain("has not answered"));
        await cluster.SignalAsync("CONT");
        foreach (var pid in pids)
            await cluster.SignalAsync("CONT", pid);
        await device.DrainAsync().Within();

        Assert.That(lines, Is.EqualTo(Enumerable.Range(0, sent).Select(Text)));
        Assert.That(await cluster.SqlAsync("SELECT accepted FROM iotlink.sessions"), Is.EqualTo(sent));
    }

    [Test]
    public async Task One_stopped_process_of_the_server_holds_up_one_call_and_the_next_one_uses_another()
    {
        var (device, lines, _) = await ConnectAsync();
        var sent = Send(device, 0, 10);
        await device.DrainAsync().Within();
        var stopped = await PidsAsync("application_name LIKE 'iotlink %'");
        foreach (var pid in stopped)
            await cluster.SignalAsync("STOP", pid);
        sent = Send(device, sent, 50);
        await device.DrainAsync().Within();
        foreach (var pid in stopped)
            await cluster.SignalAsync("CONT", pid);
        sent = Send(device, sent, 10);
        await device.DrainAsync().Within();

        Assert.That(lines, Is.EqualTo(Enumerable.Range(0, sent).Select(Text)));
        Assert.That(await cluster.SqlAsync("SELECT accepted FROM iotlink.sessions"), Is.EqualTo(sent));
    }

    private static string Text(int n) => n.ToString(CultureInfo.InvariantCulture);

    private static int Send(IotLinkClient device, int from, int count)
    {
        for (var n = from; n < from + count; n++)
            device.Writer.OnNext(Text(n));
        return from + count;
    }

    private static LinkNoticeKind[] Kinds(List<LinkNotice> notices)
    {
        lock (notices)
            return [.. notices.Select(notice => notice.Kind)];
    }

    private Task<PostgreSqlSessionStore> OpenAsync() => PostgreSqlSessionStore.OpenAsync(new PostgreSqlSessionStoreOptions
    {
        ConnectionString = cluster.ConnectionString(), Timeout = TimeSpan.FromSeconds(2),
    });

    /// <summary>A server with the store, and a device; what it received, and the notices of its link.</summary>
    private async Task<(IotLinkClient Device, List<string> Lines, List<LinkNotice> Notices)> ConnectAsync()
    {
        var server = await StartServerAsync(ServerOptions with { SessionStore = Own(await OpenAsync()), RetryAfter = TimeSpan.FromMilliseconds(100) });
        var (lines, notices) = (new List<string>(), new List<LinkNotice>());
        Own(server.Links.SelectMany(link => link.Lines).Synchronize(lines).Subscribe(lines.Add));
        Own(server.Links.SelectMany(link => link.Notices).Synchronize(notices).Subscribe(notices.Add));
        var device = StartClient(server, "pump-1");
        await device.State.FirstAsync(state => state.IsUp);
        return (device, lines, notices);
    }

    private async Task<int[]> PidsAsync(string which) =>
        (int[])(await cluster.SqlAsync($"SELECT array_agg(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND {which}"))!;
}
