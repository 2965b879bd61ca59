using System.Globalization;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Stores.Fleet;

/// <summary>
/// What an application may rely on when it takes the lines of a fleet, whether its store has transactions or not: each
/// check runs on each of them.
/// </summary>
internal abstract class FleetInboxContract : ServerTest
{
    protected virtual FleetConsumerOptions Quick { get; } = new()
    {
        Poll = TimeSpan.FromMilliseconds(10), Lease = TimeSpan.FromSeconds(1), MaxConcurrent = 2,
        BackOff = new() { Initial = TimeSpan.FromMilliseconds(20), Cap = TimeSpan.FromMilliseconds(100) },
    };

    /// <summary>Makes an empty store that keeps what devices send.</summary>
    protected abstract Task<(ISessionStore Store, IFleetInbox Fleet)> OpenInboxAsync();

    /// <summary>
    /// An application: a process of the consumer "billing" that notes each line, for good when its handler ends well.
    /// </summary>
    /// <param name="fleet">The fleet.</param>
    /// <param name="by">The process.</param>
    /// <param name="options">The options.</param>
    /// <param name="fails">At which lines the handler throws after it has noted them.</param>
    protected abstract FleetConsumer Consume(IFleetInbox fleet, string by, FleetConsumerOptions options, Func<FleetLine, bool>? fails = null);

    /// <summary>What was noted of a device, in that order.</summary>
    protected abstract Task<string> HadAsync(string id);

    /// <summary>Waits until so many lines are noted.</summary>
    protected abstract Task UntilHadAsync(int count, string? id = null, string? by = null);

    /// <summary>Waits until no line of a device waits behind one that failed.</summary>
    protected virtual Task UntilNothingIsAsideAsync() => Task.CompletedTask;

    /// <summary>A device whose lines must not wait for a line of another one that fails.</summary>
    protected abstract string Beside(string id);

    [Test]
    public async Task Lines_are_accepted_without_an_application_and_a_consumer_gets_them_later_each_once_and_in_order()
    {
        const int Devices = 5;
        const int Lines = 100;
        var (server, fleet) = await StartInboxAsync();
        var devices = Enumerable.Range(0, Devices).Select(d => StartClient(server, $"pump-{Text(d)}")).ToArray();
        await Task.WhenAll(Enumerable.Range(0, Lines).SelectMany(n => devices.Select(device => device.WriteAsync(Text(n))))).Within();
        await using var consumer = Consume(fleet, "a", Quick);
        await UntilHadAsync(Devices * Lines);
        for (var d = 0; d < Devices; d++)
            Assert.That(await HadAsync($"pump-{Text(d)}"), Is.EqualTo(Numbers(Lines)));
    }

    [Test]
    public async Task Best_effort_and_protocol_1_come_too_and_have_names_of_their_own()
    {
        var (server, fleet) = await StartInboxAsync();
        var old = StartClient(ClientOptions(server.EndPoint, "old") with { Protocol = 1 });
        var quick = StartClient(server, "quick");
        await old.WriteAsync("one").Within();
        await old.WriteAsync("two").Within();
        await quick.WriteAsync("now", Delivery.BestEffort).Within();
        await quick.WriteAsync("sure\0line").Within();
        var lines = await fleet.Lines("dashboard", Quick).Take(4).ToList().Timeout(Bound.Limit);
        Assert.That(lines.Select(line => line.Text), Is.EquivalentTo(["one", "two", "now", "sure\0line"]));
        Assert.That(lines.Select(line => (line.DeviceId, line.Line)).Distinct().Count(), Is.EqualTo(4));
        Assert.That(lines.Where(line => line.DeviceId == "old").Select(line => line.Text), Is.EqualTo(["one", "two"]));
        Assert.That(lines.Select(line => line.Received), Has.All.GreaterThan(DateTimeOffset.UnixEpoch.AddYears(50)));
    }

    [Test]
    public async Task An_observer_in_the_server_holds_up_the_acceptance()
    {
        var (server, fleet) = await StartInboxAsync();
        var device = StartClient(server, "pump-1");
        var observed = new TaskCompletionSource<ReceivedLine>();
        Own((await server.WaitForAsync("pump-1").Within()).Received.Subscribe(l => observed.TrySetResult(l)));
        var heard = new List<FleetLine>();
        Own(fleet.Lines("a", Quick).Synchronize(heard).Subscribe(heard.Add));
        var writing = device.WriteAsync("slow");
        var line = await observed.Task.Within();
        Assert.That(heard, Is.Empty);
        Assert.That(writing.IsCompleted, Is.False);
        line.Accept();
        await writing.Within();
        await Bound.EventuallyAsync(() => heard.Count == 1);
        Assert.That(heard[0].Line, Is.EqualTo(line.Line));
    }

    [Test]
    public async Task A_line_that_fails_is_tried_again_in_its_place_and_others_go_on()
    {
        var (server, fleet) = await StartInboxAsync();
        var (bad, good) = (StartClient(server, "bad"), StartClient(server, Beside("bad")));
        var may = 0;
        var failures = new List<LinkNotice>();
        await using var consumer = Consume(fleet, "a", Quick, line => line.Text == "poison" && Volatile.Read(ref may) == 0);
        using var noticing = consumer.Notices.Synchronize(failures).Subscribe(failures.Add);
        foreach (var text in new[] { "before", "poison", "after" })
            await bad.WriteAsync(text).Within();
        for (var n = 0; n < 5; n++)
            await good.WriteAsync(Text(n)).Within();
        await UntilHadAsync(5, Beside("bad"));
        await Bound.EventuallyAsync(() => failures.Count >= 3);
        Assert.That(await HadAsync("bad"), Is.EqualTo("before"), "what a failed handler did is undone");
        Volatile.Write(ref may, 1);
        await UntilHadAsync(3, "bad");
        Assert.That(await HadAsync("bad"), Is.EqualTo("before poison after"));
        await UntilNothingIsAsideAsync();
        Assert.That(failures[0].Kind, Is.EqualTo(LinkNoticeKind.HandlerFailed));
        Assert.That(failures[0].Detail, Does.Contain("attempt 1: FormatException: no number").And.Not.Contain("poison"));
        Assert.That(failures[1].Detail, Does.Contain("attempt 2"));
    }

    [Test]
    public async Task Consumers_of_one_name_share_the_lines_and_each_one_counts_once()
    {
        const int Devices = 8;
        const int Lines = 100;
        var (server, fleet) = await StartInboxAsync();
        var devices = Enumerable.Range(0, Devices).Select(d => StartClient(server, $"pump-{Text(d)}")).ToArray();
        await using var a = Consume(fleet, "a", Quick with { BatchLines = 10 });
        await using var b = Consume(fleet, "b", Quick with { BatchLines = 10 });
        await Task.WhenAll(Enumerable.Range(0, Lines).SelectMany(n => devices.Select(device => device.WriteAsync(Text(n))))).Within();
        await UntilHadAsync(Devices * Lines);
        for (var d = 0; d < Devices; d++)
            Assert.That(await HadAsync($"pump-{Text(d)}"), Is.EqualTo(Numbers(Lines)));
    }

    [Test]
    public async Task One_that_leaves_gives_its_lines_to_the_others_at_once()
    {
        var (server, fleet) = await StartInboxAsync();
        var device = StartClient(server, "pump-1");
        var patient = Quick with { Lease = TimeSpan.FromMinutes(10) };
        var a = Consume(fleet, "a", patient);
        await device.WriteAsync("first").Within();
        await UntilHadAsync(1, by: "a");
        await a.DisposeAsync();
        await using var b = Consume(fleet, "b", patient);
        await device.WriteAsync("second").Within();
        await UntilHadAsync(1, by: "b");
        Assert.That(await HadAsync("pump-1"), Is.EqualTo("first second"));
    }

    [Test]
    public async Task Each_consumer_gets_all_lines_and_one_that_begins_now_gets_the_later_ones()
    {
        var (server, fleet) = await StartInboxAsync();
        var device = StartClient(server, "pump-1");
        var heard = new List<string>();
        Own(fleet.Lines("a", Quick).Synchronize(heard).Subscribe(line => heard.Add("a " + line.Text)));
        Own(fleet.Lines("b", Quick).Synchronize(heard).Subscribe(line => heard.Add("b " + line.Text)));
        await device.WriteAsync("one").Within();
        await Bound.EventuallyAsync(() => heard.Count == 2);
        var begun = fleet.Lines("c", Quick with { FromNow = true }).Synchronize(heard).Subscribe(line => heard.Add("c " + line.Text));
        Own(begun);
        // It begins at some moment from now on; what comes after its first line comes, too.
        for (var n = 0; !heard.Any(line => line.StartsWith("c ", StringComparison.Ordinal)); n++)
        {
            await device.WriteAsync("more").Within();
            await Bound.EventuallyAsync(() => heard.Count(line => line == "a more") == n + 1);
        }

        await device.WriteAsync("last").Within();
        await Bound.EventuallyAsync(() => heard.Contains("c last") && heard.Contains("a last") && heard.Contains("b last"));
        Assert.That(heard, Does.Not.Contain("c one"));
        await fleet.ForgetConsumerAsync("nobody").Within();
    }

    [Test]
    public async Task An_observer_that_throws_gets_nothing_more_and_the_line_goes_to_another()
    {
        var (server, fleet) = await StartInboxAsync();
        var had = new List<string>();
        var threw = new TaskCompletionSource();
        using var bad = fleet.Lines("a", Quick).Subscribe(line =>
        {
            had.Add(line.Text);
            if (line.Text != "two")
                return;
            threw.SetResult();
            throw new InvalidOperationException("no");
        });
        var device = StartClient(server, "pump-1");
        await device.WriteAsync("one").Within();
        await device.WriteAsync("two").Within();
        await device.WriteAsync("three").Within();
        await threw.Task.Within();
        var rest = await fleet.Lines("a", Quick).Select(line => line.Text).Take(2).ToList().Timeout(Bound.Limit);
        Assert.That(had, Is.EqualTo(["one", "two"]));
        Assert.That(rest, Is.EqualTo(["two", "three"]));
    }

    [TestCase("", 1)]
    [TestCase("a", 0)]
    [TestCase("a\0", 1)]
    public async Task What_is_out_of_range_is_said(string name, int concurrent)
    {
        var (_, fleet) = await StartInboxAsync();
        Assert.That(() => fleet.Process(name, (_, _) => Task.CompletedTask, Quick with { MaxConcurrent = concurrent }), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => fleet.Lines(name, Quick with { MaxConcurrent = concurrent }), Throws.InstanceOf<ArgumentException>());
    }

    protected static string Text(long n) => n.ToString(CultureInfo.InvariantCulture);

    protected static string Numbers(int count) => string.Join(' ', Enumerable.Range(0, count));

    protected async Task<(IotLinkServer Server, IFleetInbox Fleet)> StartInboxAsync()
    {
        var (store, fleet) = await OpenInboxAsync();
        Own(store);
        return (await StartServerAsync(ServerOptions with { SessionStore = store, PinAddresses = false }), fleet);
    }
}
