using NUnit.Framework;
using Rx.IotLink.Mqtt;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.Server;
using Rx.IotLink.Sqlite;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Cli;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Stores.PostgreSql;
using Rx.IotLink.Tests.Stores.Sqlite;

namespace Rx.IotLink.Tests.Mqtt;

/// <summary>Servers that share a fleet at a real broker, over a real PostgreSQL.</summary>
public sealed class SharedBrokerTests : MqttTest
{
    private PostgresCluster cluster = null!;
    private string database = "";

    [SetUp]
    public async Task StartAsync()
    {
        cluster = await PostgresCluster.Shared;
        database = await cluster.NewDatabaseAsync();
    }

    /// <summary>The one that takes the messages is killed, and all devices were at it.</summary>
    [Test]
    public async Task Of_two_processes_one_publishes_each_line_and_takes_the_messages_and_when_it_is_killed_the_other_one()
    {
        const int Lines = 20;
        var broker = await StartBrokerAsync();
        var watcher = await WatchAsync(broker, "iotlink/#");
        IotLinkProcess Serve(string node) => Own(IotLinkProcess.StartByShell(
            "exec \"$@\"", ["serve", "--port", "0", "--json", "--postgres", "--node", node, "--mqtt", $"mqtt://{broker.EndPoint}"],
            new(StringComparer.Ordinal) { ["IOTLINK_POSTGRES"] = cluster.ConnectionString(database) }));
        var one = Serve("one");
        await watcher.Seen.FirstAsync(m => m is { Topic: "iotlink/state", Text: "up", Node: "one" });
        var two = Serve("two");
        var proxy = Own(new MovingProxy((await IotLinkProcess.ListeningAsync(one)).Port));
        var portOfTwo = (await IotLinkProcess.ListeningAsync(two)).Port;
        string[] ids = ["pump-1", "pump-2", "pump-3", "pump-4"];
        var clients = ids.Select(id => StartClient(ClientOptions(proxy.EndPoint, id))).ToArray();
        var heard = clients.Select(client => client.Lines.Record()).ToArray();
        await RoundAsync("before");
        await Task.WhenAll(ids.Select(id => watcher.HasAsync($"iotlink/{id}/state", "up")));
        Assert.That(watcher.Seen.Values.Where(m => m.Topic.EndsWith("/up", StringComparison.Ordinal)).GroupBy(m => (m.Topic, m.Name)).Count(same => same.Count() > 1), Is.Zero, "no line was published twice");
        Assert.That(IotLinkProcess.SoFar(two.Events), Has.None.Contain("messages for devices"), "one at a time takes the messages");

        await one.KillAsync();
        proxy.MoveTo(portOfTwo);
        await RoundAsync("after");
        Assert.That(watcher.Seen.Values.Where(m => m.Topic == "iotlink/state").Select(m => (m.Text, m.Node)), Is.EqualTo(new[] { ("up", "one"), ("down", "one"), ("up", "two") }));
        string[] expected = [.. Numbered(Lines, "before"), .. Numbered(Lines, "after")];
        var up = watcher.Seen.Values;
        foreach (var (id, client) in ids.Zip(heard))
        {
            Assert.That(Once(up, $"iotlink/{id}/up"), Is.EqualTo(expected));
            Assert.That(client.Values.Distinct(), Is.EqualTo(expected), "none is lost, and the first of each comes in order");
        }

        var lines = up.Where(m => m.Topic.EndsWith("/up", StringComparison.Ordinal)).ToArray();
        var repeats = lines.Length - lines.DistinctBy(m => (m.Topic, m.Name)).Count();
        Assert.That(repeats, Is.LessThanOrEqualTo(8), "as many as a server has under way");
        await TestContext.Out.WriteLineAsync($"{repeats} lines and {heard.Sum(h => h.Values.Count) - (2 * Lines * ids.Length)} messages came twice");

        async Task RoundAsync(string what)
        {
            var writing = Task.WhenAll(Numbered(Lines, what).SelectMany(line => clients.Select(client => client.WriteAsync(line))));
            foreach (var line in Numbered(Lines, what))
            {
                foreach (var id in ids)
                    await watcher.PublishAsync($"iotlink/{id}/down", line);
            }

            await writing.Within();
            await watcher.Seen.UntilAsync(all => ids.All(id => all.Any(m => m.Topic == $"iotlink/{id}/up" && m.Text == $"{what} {Lines}")), $"all lines {what}");
            foreach (var client in heard)
                await client.FirstAsync(line => line == $"{what} {Lines}");
        }
    }

    /// <summary>Its connection to the broker is cut; it is back each time before anybody takes its turn.</summary>
    [Test]
    public async Task A_cut_of_the_network_repeats_no_message_and_an_end_in_order_gives_the_turn_to_another_one()
    {
        const int Messages = 120;
        var broker = await StartBrokerAsync();
        var watcher = await WatchAsync(broker, "iotlink/+/state");
        var states = await WatchAsync(broker, "iotlink/state");
        var proxy = StartProxy(broker);
        var one = await StartServerAsync("one");
        var gateway = StartGateway(one, GatewayOptions(proxy.EndPoint) with { Consumer = "mqtt" });
        await ConnectedAsync(gateway);
        var two = await StartServerAsync("two");
        var other = StartGateway(two, GatewayOptions(broker.EndPoint) with { Consumer = "mqtt" });
        var client = StartClient(two, "pump-1");
        var heard = client.Lines.Record();
        await watcher.HasAsync("iotlink/pump-1/state", "up");
        var publishing = Task.Run(async () =>
        {
            foreach (var line in Numbered(Messages))
                await watcher.PublishAsync("iotlink/pump-1/down", line);
        });
        while (heard.Values.Count < Messages)
        {
            var before = heard.Values.Count;
            await Bound.EventuallyAsync(() => heard.Values.Count >= Math.Min(Messages, before + 10));
            proxy.Kill(reset: before % 2 == 0, lostTail: TimeSpan.FromMilliseconds(before % 5));
        }

        await publishing.Within();
        Assert.That(heard.Values, Is.EqualTo(Numbered(Messages)));
        Assert.That(states.Seen.Values.Select(m => m.Node).Distinct(), Is.EqualTo(new[] { "one" }));
        // Acknowledgements come in order: behind this one none is left that another server would get again.
        await watcher.PublishAsync("iotlink/pump-1/down", "last");
        await heard.FirstAsync(line => line == "last");
        await gateway.DisposeAsync();
        await states.Seen.UntilAsync(all => all[^1] is { Text: "up", Node: "two" });
        await watcher.PublishAsync("iotlink/pump-1/down", "at the other one");
        await heard.FirstAsync(line => line == "at the other one");
        Assert.That(other.Counters.Written, Is.InRange(1, 2), "perhaps 'last' again, whose acknowledgement did not get away");
        await client.DisposeAsync();
        await watcher.HasAsync("iotlink/pump-1/state", "down");
        await two.ForgetAsync("pump-1").Within();
        await watcher.HasAsync("iotlink/pump-1/state", "");
    }

    [Test]
    public async Task A_broker_that_is_killed_and_keeps_the_state_of_a_server_that_is_gone_too_is_joined_by_another_one()
    {
        var broker = await StartBrokerAsync();
        var watcher = await WatchAsync(broker, "iotlink/state");
        var proxy = StartProxy(broker);
        var one = await StartServerAsync("one");
        var gateway = StartGateway(one, GatewayOptions(proxy.EndPoint) with { Consumer = "mqtt" });
        await watcher.Seen.FirstAsync(m => m is { Text: "up", Node: "one" });
        await ConnectedAsync(gateway);
        await broker.SaveAsync("iotlink/state");
        await broker.KillAsync();
        // It does not come back, and the broker has forgotten its last will: 'up' stays.
        proxy.Away();
        await broker.RunAsync();
        await watcher.ConnectAsync("iotlink/state");
        await watcher.Seen.FirstAsync(m => m is { Text: "up", Node: "one", IsRetained: true });
        var two = await StartServerAsync("two");
        StartGateway(two, GatewayOptions(broker.EndPoint) with { Consumer = "mqtt" });
        await watcher.Seen.FirstAsync(m => m is { Text: "up", Node: "two" });
    }

    [Test]
    public async Task A_store_without_a_shared_fleet_or_without_an_inbox_is_refused()
    {
        using var folder = new TemporaryFolder();
        var options = GatewayOptions(new(System.Net.IPAddress.Loopback, 1)) with { Consumer = "mqtt" };
        var webhook = new WebhookOptions { Url = new("http://127.0.0.1:1/"), Consumer = "mqtt" };
        foreach (var store in new ISessionStore?[] { null, new MemorySessionStore(), Own(SqliteSessionStore.Open(new SqliteSessionStoreOptions { Path = folder["store"], Inbox = true })) })
        {
            var server = await StartServerAsync(ServerOptions with { SessionStore = store });
            const string Says = "Consumer 'mqtt' needs a session store with a fleet that servers share: PostgreSQL.";
            Assert.That(() => MqttGateway.Start(server, options), Throws.ArgumentException.With.Message.StartsWith(Says));
            Assert.That(() => Webhook.Start(server, webhook), Throws.ArgumentException.With.Message.StartsWith(Says));
        }

        var plain = Own(await PostgreSqlSessionStore.OpenAsync(cluster.ConnectionString(database)));
        var without = await StartServerAsync(ServerOptions with { SessionStore = plain });
        Assert.That(() => MqttGateway.Start(without, options), Throws.ArgumentException.With.Message.StartsWith("Consumer 'mqtt' needs a session store that keeps received lines: set its option Inbox."));
        Assert.That(() => MqttGateway.Start(without, options with { Consumer = "" }), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(
            () => Webhook.Start(without, webhook with { Process = webhook.Process with { DeadLetters = (_, _) => Task.CompletedTask } }),
            Throws.ArgumentException.With.Message.StartsWith("DeadLetters '…' must be null with a Consumer"));
    }

    private async Task<IotLinkServer> StartServerAsync(string node)
    {
        var store = Own(await PostgreSqlSessionStore.OpenAsync(new PostgreSqlSessionStoreOptions { ConnectionString = cluster.ConnectionString(database), Node = node, Inbox = true }));
        return await StartServerAsync(ServerOptions with { SessionStore = store });
    }
}
