using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Text;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;
using NUnit.Framework;
using Rx.IotLink.Nats;
using Rx.IotLink.Nats.Received;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Stores.Fleet;

namespace Rx.IotLink.Tests.Stores.Nats;

/// <summary>The inbox of a fleet over a real nats-server.</summary>
[TestFixture]
internal sealed class NatsFleetContractTests : FleetInboxContract
{
    private static NatsCluster cluster = null!;
    private static int streams;

    private NatsConnection connection = null!;
    private NatsJSContext js = null!;

    // What the application has noted.
    private readonly List<(string Id, string Text, string By)> had = [];

    /// <summary>
    /// A busy machine may have a line for longer than a second before it says so. Then the line would come again.
    /// </summary>
    protected override FleetConsumerOptions Quick => base.Quick with { Lease = Bound.Limit };

    [OneTimeSetUp]
    public static async Task StartAsync() => cluster = await NatsCluster.StartAsync(nodes: 1);

    [OneTimeTearDown]
    public static async Task EndAsync() => await cluster.DisposeAsync();

    [SetUp]
    public void Connect()
    {
        connection = Own(new NatsConnection(new NatsOpts { Url = cluster.Url }));
        js = new(connection);
    }

    /// <summary>A server that was stopped has kept a line, and did not get to its acceptance.</summary>
    [Test]
    public async Task A_line_that_two_servers_keep_is_in_the_inbox_once_and_so_is_a_batch_that_is_written_again()
    {
        var (one, two) = (Own(await OpenAsync("one")), Own(await OpenAsync("two")));
        var stopped = (await one.ClaimAsync("pump-1")).Claim;
        SessionWrite[] Lines(SessionClaim claim, long place, ulong number) =>
            [new(claim, new(SessionRecordKind.Receive, place, number, Epoch: 7, Text((long)number))), new(claim, new(SessionRecordKind.Accept, Number: number, Epoch: 7))];
        Assert.That(await one.WriteAsync([.. Lines(stopped, 1, 1), .. Lines(stopped, 2, 2)]), Is.Empty);
        Assert.That(await one.WriteAsync([.. Lines(stopped, 2, 2), .. Lines(stopped, 3, 3)]), Is.Empty, "one of them came again");
        var (claim, memory) = await two.ClaimAsync("pump-1");
        Assert.That(memory.Accepted, Is.EqualTo(3));
        Assert.That(await one.WriteAsync(Lines(stopped, 4, 4)), Is.EqualTo([stopped]), "it does not know yet, but its log does");
        Assert.That(await MessagesAsync("inbox"), Is.EqualTo(4), "its line is there");
        Assert.That(await two.WriteAsync([.. Lines(claim, 1, 4), .. Lines(claim, 2, 5)]), Is.Empty);
        Assert.That(await one.WriteAsync(Lines(stopped, 5, 5)), Is.EqualTo([stopped]));
        var bestEffort = new SessionWrite(claim, new(SessionRecordKind.Receive, 3, 1, Epoch: 9, "now"));
        Assert.That(await two.WriteAsync([bestEffort]), Is.Empty);
        Assert.That(await two.WriteAsync([bestEffort]), Is.Empty, "its answer was lost");
        Assert.That(await two.Fleet.Lines("a", Quick).Select(line => line.Text).Take(6).ToList().Timeout(Bound.Limit), Is.EqualTo(["1", "2", "3", "4", "5", "now"]));
        Assert.That(await MessagesAsync("inbox"), Is.EqualTo(6));
    }

    [Test]
    public async Task A_line_that_never_succeeds_is_a_dead_letter_with_its_reason_until_its_consumer_is_forgotten()
    {
        var (server, fleet) = await StartInboxAsync();
        var device = StartClient(server, "pump-1");
        await using (Consume(fleet, "a", Quick with { MaxAttempts = 2 }, line => line.Text == "poison"))
        {
            foreach (var text in new[] { "before", "poison", "after" })
                await device.WriteAsync(text).Within();
            await UntilHadAsync(2);
        }

        Assert.That(await HadAsync("pump-1"), Is.EqualTo("before after"));
        var dead = await MessageAsync("dead", new() { LastBySubj = $"{Stream}_dead.billing.*" });
        Assert.That(Encoding.UTF8.GetString(dead.Data.Span), Is.EqualTo("poison"));
        var headers = Encoding.UTF8.GetString(Convert.FromBase64String(dead.Hdrs!));
        Assert.That(headers, Does.Contain("IotLink-Device: pump-1").And.Contain("IotLink-Attempts: 2").And.Contain("IotLink-Error: FormatException: no number"));
        await fleet.ForgetConsumerAsync("billing").Within();
        Assert.That(await MessagesAsync("dead"), Is.Zero);
        Assert.That(await fleet.Lines("billing", Quick).Select(line => line.Text).Take(3).ToList().Timeout(Bound.Limit), Is.EqualTo(["before", "poison", "after"]), "it is a new one");
    }

    [Test]
    public async Task A_handler_that_never_ends_fails_and_later_lines_come()
    {
        var (server, fleet) = await StartInboxAsync();
        var device = StartClient(server, "pump-1");
        var failed = new TaskCompletionSource<LinkNotice>();
        var next = new TaskCompletionSource();
        var cancelled = new TaskCompletionSource();
        await using var consumer = fleet.Process("billing", async (line, ct) =>
        {
            if (line.Text == "next")
                next.SetResult();
            ct.Register(cancelled.SetResult);
            if (line.Text == "hang")
                await new TaskCompletionSource().Task;
        }, Quick with { HandlerTimeout = TimeSpan.FromMilliseconds(100), MaxAttempts = 1, MaxConcurrent = 1 });
        using var noticing = consumer.Notices.Subscribe(notice => failed.TrySetResult(notice));
        await device.WriteAsync("hang").Within();
        await device.WriteAsync("next").Within();
        await next.Task.Within();
        Assert.That(cancelled.Task.IsCompleted, Is.True);
        Assert.That((await failed.Task.Within()).Detail, Does.Contain("has not ended for 0.1 s").And.Contain("dead letter"));
    }

    [Test]
    public async Task While_a_handler_runs_the_servers_hear_that_its_line_is_in_good_hands()
    {
        var (server, fleet) = await StartInboxAsync();
        var renewed = new TaskCompletionSource();
        await using var listening = await connection.SubscribeCoreAsync<string>($"$JS.ACK.{Stream}_inbox.>");
        var hearing = Task.Run(async () =>
        {
            await foreach (var message in listening.Msgs.ReadAllAsync())
            {
                if (message.Data == "+WPI")
                    renewed.TrySetResult();
            }
        });
        await using (fleet.Process("billing", (_, _) => renewed.Task, Quick with { Lease = TimeSpan.FromSeconds(1) }))
        {
            await StartClient(server, "pump-1").WriteAsync("slow").Within();
            await renewed.Task.Within();
        }

        await listening.UnsubscribeAsync();
        await hearing.Within();
    }

    [Test]
    public async Task Lines_are_deleted_when_they_are_old_and_all_consumers_have_had_them()
    {
        var (server, fleet) = await StartInboxAsync();
        var device = StartClient(server, "pump-1");
        foreach (var text in new[] { "one", "two", "three" })
            await device.WriteAsync(text).Within();
        var later = DefaultScheduler.Instance.Now + TimeSpan.FromDays(1);
        var third = (await MessageAsync("inbox", new() { Seq = 3 })).Time;
        _ = await fleet.Lines("all", Quick).Take(3).ToList().Timeout(Bound.Limit);
        _ = await fleet.Lines("first", Quick).Take(1).ToList().Timeout(Bound.Limit);
        await UntilAsync(later, 2);
        Assert.That(await fleet.Lines("new", Quick).Select(line => line.Text).Take(2).ToList().Timeout(Bound.Limit), Is.EqualTo(["two", "three"]), "one consumer has had the first line alone");
        await fleet.ForgetConsumerAsync("first").Within();
        await UntilAsync(third, 1);
        await UntilAsync(later, 0);
        await device.WriteAsync("four").Within();
        Assert.That(await fleet.Lines("new", Quick).Select(line => line.Text).FirstAsync().Timeout(Bound.Limit), Is.EqualTo("four"));

        // What a consumer has handled is known to the servers a little later.
        Task UntilAsync(DateTimeOffset before, ulong left) => Observable.Interval(TimeSpan.FromMilliseconds(20)).Select(_ => Observable.FromAsync(async () =>
        {
            await ((NatsFleet)fleet).DeleteOldAsync(before);
            return await MessagesAsync("inbox");
        })).Concat().FirstAsync(messages => messages == left, $"{left} are left");
    }

    private string Stream { get; } = $"fleet_{Text(Interlocked.Increment(ref streams))}";

    private Task<NatsSessionStore> OpenAsync(string node) => NatsSessionStore.OpenAsync(new NatsSessionStoreOptions
    {
        Url = cluster.Url, Stream = Stream, Replicas = 1, Inbox = true, Node = node,
    }).Within();

    private async Task<StoredMessage> MessageAsync(string stream, StreamMsgGetRequest which) =>
        (await js.JSRequestResponseAsync<StreamMsgGetRequest, StreamMsgGetResponse>($"$JS.API.STREAM.MSG.GET.{Stream}_{stream}", which)).Message;

    private async Task<ulong> MessagesAsync(string stream) => (ulong)(await js.GetStreamAsync($"{Stream}_{stream}")).Info.State.Messages;

    protected override async Task<(ISessionStore Store, IFleetInbox Fleet)> OpenInboxAsync()
    {
        var store = await OpenAsync("one");
        return (store, store.Fleet);
    }

    protected override FleetConsumer Consume(IFleetInbox fleet, string by, FleetConsumerOptions options, Func<FleetLine, bool>? fails = null) =>
        fleet.Process("billing", (line, _) =>
        {
            if (fails?.Invoke(line) == true)
                throw new FormatException("no number");
            lock (had)
                had.Add((line.DeviceId, line.Text, by));
            return Task.CompletedTask;
        }, options);

    protected override Task<string> HadAsync(string id)
    {
        lock (had)
            return Task.FromResult(string.Join(' ', had.Where(line => line.Id == id).Select(line => line.Text)));
    }

    protected override Task UntilHadAsync(int count, string? id = null, string? by = null) => Bound.EventuallyAsync(() =>
    {
        lock (had)
            return had.Count(line => (id is null || line.Id == id) && (by is null || line.By == by)) >= count;
    }, $"{count} lines are noted");

    /// <summary>One of another partition: a line that fails holds up its own.</summary>
    protected override string Beside(string id) =>
        Enumerable.Range(0, 10_000).Select(n => $"pump-{Text(n)}").First(other => InboxStream.PartitionOf(other) != InboxStream.PartitionOf(id));
}
