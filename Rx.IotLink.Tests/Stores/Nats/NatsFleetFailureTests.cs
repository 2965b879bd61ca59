using System.Globalization;
using NUnit.Framework;
using Rx.IotLink.Nats;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Stores.Nats;

/// <summary>Real processes and nodes of a fleet's inbox in NATS are killed.</summary>
internal sealed class NatsFleetFailureTests : ServerTest
{
    private static readonly FleetConsumerOptions Quick = new()
    {
        Lease = TimeSpan.FromSeconds(3), BackOff = new() { Initial = TimeSpan.FromMilliseconds(20), Cap = TimeSpan.FromMilliseconds(200) },
    };

    /// <summary>Three nodes, and each line is on all of them.</summary>
    [Test]
    public async Task A_process_and_a_node_are_killed_in_the_middle_of_a_handler_and_no_line_is_lost()
    {
        const int Lines = 100;
        var cluster = Own(await NatsCluster.StartAsync(nodes: 3));
        var store = Own(await OpenAsync(cluster));
        var server = await StartServerAsync(ServerOptions with { SessionStore = store, PinAddresses = false });
        var device = StartClient(ClientOptions(server.EndPoint, "pump-1") with { OutboxLines = Lines });

        await using var victim = IotLinkProcess.StartBuilt("Stores", "consume", cluster.Url, "billing");
        await device.WriteAsync("before").Within();
        await victim.OutputAsync("before");
        await device.WriteAsync("hold").Within();
        await victim.OutputAsync("hold");

        var other = Own(await OpenAsync(cluster));
        var had = new List<FleetLine>();
        await using var consumer = other.Fleet.Process("billing", (line, _) =>
        {
            lock (had)
                had.Add(line);
            return Task.CompletedTask;
        }, Quick);
        for (var n = 0; n < Lines; n++)
        {
            device.Writer.OnNext(n.ToString(CultureInfo.InvariantCulture));
            if (n == 20)
                await victim.KillAsync();
            if (n == 40)
                await cluster.KillAsync(0);
            if (n != 70)
                continue;
            await Bound.EventuallyAsync(() => Texts().Contains("10"));
            await cluster.RunAsync(0);
        }

        await Bound.EventuallyAsync(() => Texts().Contains("99"));
        string[] expected = ["hold", .. Enumerable.Range(0, Lines).Select(n => n.ToString(CultureInfo.InvariantCulture))];
        Assert.That(Texts().Where(text => text != "before").Distinct(), Is.EqualTo(expected));
        // A process that dies leaves one line, and so does a node that knew of an end.
        Assert.That(Texts().Length, Is.LessThanOrEqualTo(expected.Length + 2), string.Join(' ', Texts()));
        Assert.That(had.Select(line => line.Line).Distinct().Count(), Is.EqualTo(Texts().Distinct().Count()), "a line that comes again has its name");

        string[] Texts()
        {
            lock (had)
                return [.. had.Select(line => line.Text)];
        }
    }

    /// <summary>The only node is away while a handler runs, and then there again.</summary>
    [Test]
    public async Task Consumers_go_on_when_the_servers_are_back_and_a_line_that_was_handled_meanwhile_does_not_come_again()
    {
        var cluster = Own(await NatsCluster.StartAsync(nodes: 1));
        var store = Own(await NatsSessionStore.OpenAsync(new NatsSessionStoreOptions { Url = cluster.Url, Replicas = 1, Inbox = true, Timeout = TimeSpan.FromSeconds(2) }).Within());
        var server = await StartServerAsync(ServerOptions with { SessionStore = store });
        var device = StartClient(server, "pump-1");
        var (began, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        var had = new List<string>();
        var notices = new List<LinkNoticeKind>();
        await using var consumer = store.Fleet.Process("billing", async (line, _) =>
        {
            began.TrySetResult();
            await goOn.Task;
            lock (had)
                had.Add(line.Text);
        }, Quick);
        using var noticing = consumer.Notices.Subscribe(notice =>
        {
            lock (notices)
                notices.Add(notice.Kind);
        });
        await device.WriteAsync("one").Within();
        await began.Task.Within();
        await cluster.KillAsync(0);
        await Bound.EventuallyAsync(() => Has(LinkNoticeKind.StoreFailed));
        goOn.SetResult();
        await Bound.EventuallyAsync(() => Had() == "one");
        await cluster.RunAsync(0);
        await device.WriteAsync("two").Within();
        await Bound.EventuallyAsync(() => Had() == "one two");
        await Bound.EventuallyAsync(() => Has(LinkNoticeKind.StoreWorks));
        Assert.That(notices, Is.EqualTo([LinkNoticeKind.StoreFailed, LinkNoticeKind.StoreWorks]));

        string Had()
        {
            lock (had)
                return string.Join(' ', had);
        }

        bool Has(LinkNoticeKind kind)
        {
            lock (notices)
                return notices.Contains(kind);
        }
    }

    private static async Task<NatsSessionStore> OpenAsync(NatsCluster cluster)
    {
        // A cluster that has just begun has no leader yet, and says so.
        while (true)
        {
            try
            {
                return await NatsSessionStore.OpenAsync(new NatsSessionStoreOptions { Url = cluster.Url, Inbox = true, Timeout = TimeSpan.FromSeconds(2) }).Within();
            }
            catch (SessionStoreException e) when (e.Fault == SessionStoreFault.Unavailable)
            {
                await Task.Yield();
            }
        }
    }
}
