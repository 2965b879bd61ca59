using System.Data.Common;
using System.Globalization;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Stores.Fleet;

/// <summary>What an application may rely on, whichever store has the fleet: each check runs on each of them.</summary>
internal abstract partial class FleetContract : ServerTest
{
    protected static readonly FleetConsumerOptions Quick = new()
    {
        Poll = TimeSpan.FromMilliseconds(10), Lease = TimeSpan.FromSeconds(1), MaxConcurrent = 2,
        BackOff = new() { Initial = TimeSpan.FromMilliseconds(20), Cap = TimeSpan.FromMilliseconds(100) },
    };

    /// <summary>
    /// Makes an empty database, with the table of the application (id, text, who; place counts its rows).
    /// </summary>
    protected abstract Task<(ISessionStore Store, IFleet Fleet)> OpenAsync(TimeSpan inboxFor, int fleetLines);

    /// <summary>A connection of the application to the database of the store.</summary>
    protected abstract Task<DbConnection> ConnectAsync();

    /// <summary>Two devices whose lines one process handles one after the other.</summary>
    protected abstract string Beside(string id);

    /// <summary>The SQL of the table of dead letters, for its rows.</summary>
    protected abstract string SetAside { get; }

    [Test]
    public async Task Lines_are_accepted_without_an_application_and_a_consumer_gets_them_later_each_once_and_in_order()
    {
        const int Devices = 5;
        const int Lines = 100;
        var (server, fleet) = await StartAsync();
        var devices = Enumerable.Range(0, Devices).Select(d => StartClient(server, $"pump-{Text(d)}")).ToArray();
        await Task.WhenAll(Enumerable.Range(0, Lines).SelectMany(n => devices.Select(device => device.WriteAsync(Text(n))))).Within();
        await using var consumer = fleet.Process("billing", Insert("a"), Quick);
        await UntilAsync("SELECT count(*) FROM had", Devices * Lines);
        for (var d = 0; d < Devices; d++)
            Assert.That(await HadAsync($"pump-{Text(d)}"), Is.EqualTo(Numbers(Lines)));
    }

    [Test]
    public async Task Best_effort_and_protocol_1_come_too_and_have_names_of_their_own()
    {
        var (server, fleet) = await StartAsync();
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
        var (server, fleet) = await StartAsync();
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
    public async Task A_line_that_fails_is_tried_again_and_holds_up_its_own_device_alone()
    {
        var (server, fleet) = await StartAsync();
        var (bad, good) = (StartClient(server, "bad"), StartClient(server, Beside("bad")));
        var may = 0;
        var failures = new List<LinkNotice>();
        await using var consumer = fleet.Process("billing", async (line, transaction, ct) =>
        {
            await Insert("a")(line, transaction, ct);
            if (line.Text == "poison" && Volatile.Read(ref may) == 0)
                throw new FormatException("no number");
        }, Quick);
        using var noticing = consumer.Notices.Synchronize(failures).Subscribe(failures.Add);
        foreach (var text in new[] { "before", "poison", "after" })
            await bad.WriteAsync(text).Within();
        for (var n = 0; n < 5; n++)
            await good.WriteAsync(Text(n)).Within();
        await UntilAsync("SELECT count(*) FROM had WHERE id <> 'bad'", 5);
        await Bound.EventuallyAsync(() => failures.Count >= 3);
        Assert.That(await HadAsync("bad"), Is.EqualTo("before"), "its transaction was undone");
        Volatile.Write(ref may, 1);
        await UntilAsync("SELECT count(*) FROM had WHERE id = 'bad'", 3);
        Assert.That(await HadAsync("bad"), Is.EqualTo("before poison after"));
        await UntilAsync($"SELECT count(*) FROM {SetAside}", 0);
        Assert.That(failures[0].Kind, Is.EqualTo(LinkNoticeKind.HandlerFailed));
        Assert.That(failures[0].Detail, Does.Contain("attempt 1: FormatException: no number").And.Not.Contain("poison"));
        Assert.That(failures[1].Detail, Does.Contain("attempt 2"));
    }

    [Test]
    public async Task A_line_that_never_succeeds_is_a_dead_letter_in_the_end()
    {
        var (server, fleet) = await StartAsync();
        var device = StartClient(server, "pump-1");
        await using var consumer = fleet.Process("billing", async (line, transaction, ct) =>
        {
            if (line.Text == "poison")
                await ExecuteAsync(transaction, "SELECT * FROM a_table_that_is_not_there");
            await Insert("a")(line, transaction, ct);
        }, Quick with { MaxAttempts = 2 });
        foreach (var text in new[] { "before", "poison", "after" })
            await device.WriteAsync(text).Within();
        await UntilAsync("SELECT count(*) FROM had", 2);
        Assert.That(await HadAsync("pump-1"), Is.EqualTo("before after"));
        await UntilAsync($"SELECT attempts FROM {SetAside} WHERE dead IS NOT NULL AND error LIKE '%a_table_that_is_not_there%'", 2);
    }

    [Test]
    public async Task A_handler_that_never_ends_keeps_nothing_and_holds_up_its_own_device_alone()
    {
        var (server, fleet) = await StartAsync();
        var (bad, good) = (StartClient(server, "bad"), StartClient(server, Beside("bad")));
        var later = new TaskCompletionSource();
        var after = new TaskCompletionSource<Exception?>();
        await using var consumer = fleet.Process("billing", async (line, transaction, ct) =>
        {
            await Insert("a")(line, transaction, ct);
            if (line.Text != "hang")
                return;
            await later.Task;
            try
            {
                await Insert("too late")(line, transaction, CancellationToken.None);
                after.SetResult(null);
            }
            catch (Exception e)
            {
                after.SetResult(e);
            }
        }, Quick with { HandlerTimeout = TimeSpan.FromMilliseconds(200), MaxAttempts = 1, MaxConcurrent = 1 });
        await bad.WriteAsync("hang").Within();
        await bad.WriteAsync("next").Within();
        await good.WriteAsync("fine").Within();
        await UntilAsync("SELECT count(*) FROM had", 2);
        later.SetResult();
        Assert.That(await after.Task.Within(), Is.Not.Null, "its connection writes nothing any more");
        Assert.That(await TextAsync("SELECT string_agg(text, ' ') FROM (SELECT text FROM had ORDER BY text) t"), Is.EqualTo("fine next"));
        Assert.That(await TextAsync($"SELECT error FROM {SetAside}"), Does.Contain("has not ended for 0.2 s"));
    }

    [Test]
    public async Task Consumers_of_one_name_share_the_lines_and_each_one_counts_once()
    {
        const int Devices = 8;
        const int Lines = 100;
        var (server, fleet) = await StartAsync();
        var devices = Enumerable.Range(0, Devices).Select(d => StartClient(server, $"pump-{Text(d)}")).ToArray();
        await using var a = fleet.Process("billing", Insert("a"), Quick with { BatchLines = 10 });
        await using var b = fleet.Process("billing", Insert("b"), Quick with { BatchLines = 10 });
        await Task.WhenAll(Enumerable.Range(0, Lines).SelectMany(n => devices.Select(device => device.WriteAsync(Text(n))))).Within();
        await UntilAsync("SELECT count(*) FROM had", Devices * Lines);
        for (var d = 0; d < Devices; d++)
            Assert.That(await HadAsync($"pump-{Text(d)}"), Is.EqualTo(Numbers(Lines)));
    }

    [Test]
    public async Task One_that_leaves_gives_its_lines_to_the_others_at_once()
    {
        var (server, fleet) = await StartAsync();
        var device = StartClient(server, "pump-1");
        var patient = Quick with { Lease = TimeSpan.FromMinutes(10) };
        var a = fleet.Process("billing", Insert("a"), patient);
        await device.WriteAsync("first").Within();
        await UntilAsync("SELECT count(*) FROM had WHERE who = 'a'", 1);
        await a.DisposeAsync();
        await using var b = fleet.Process("billing", Insert("b"), patient);
        await device.WriteAsync("second").Within();
        await UntilAsync("SELECT count(*) FROM had WHERE who = 'b'", 1);
        Assert.That(await HadAsync("pump-1"), Is.EqualTo("first second"));
    }

    [Test]
    public async Task Each_consumer_gets_all_lines_and_one_that_begins_now_gets_the_later_ones()
    {
        var (server, fleet) = await StartAsync();
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
        var (server, fleet) = await StartAsync();
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

    [Test]
    public async Task A_line_reaches_its_device_once_and_in_order_and_one_for_a_device_that_is_away_waits()
    {
        const int Lines = 300;
        var (server, fleet) = await StartAsync();
        await fleet.WriteAsync("pump-1", Text(0)).Within();
        await fleet.WriteAsync("pump-2", "of another one").Within();
        var device = StartClient(server, "pump-1");
        var heard = Hear(device);
        for (var n = 1; n < Lines; n++)
            await fleet.WriteAsync("pump-1", Text(n)).Within();
        await Bound.EventuallyAsync(() => heard.Count >= Lines);
        await (await server.WaitForAsync("pump-1")).DrainAsync().Within();
        Assert.That(string.Join(' ', heard), Is.EqualTo(Numbers(Lines)));
    }

    [Test]
    public async Task A_line_of_a_transaction_is_sent_if_and_when_that_is_committed()
    {
        var (server, fleet) = await StartAsync();
        var heard = Hear(StartClient(server, "pump-1"));
        await server.WaitForAsync("pump-1").Within();
        await using var connection = await ConnectAsync();
        await using (var given = await connection.BeginTransactionAsync())
        {
            await fleet.EnqueueAsync(given, "pump-1", "never");
            await given.RollbackAsync();
        }

        await using (var given = await connection.BeginTransactionAsync())
        {
            await fleet.EnqueueAsync(given, "pump-1", "decided");
            await ExecuteAsync(given, "INSERT INTO had (id, text, who) VALUES ('pump-1', 'decided', 'me')");
            Assert.That(heard, Is.Empty);
            await given.CommitAsync();
        }

        await Bound.EventuallyAsync(() => heard.Count == 1);
        Assert.That(heard, Is.EqualTo(["decided"]));
        Assert.That(await HadAsync("pump-1"), Is.EqualTo("decided"));
        await using var another = await connection.BeginTransactionAsync();
        Assert.That(() => fleet.EnqueueAsync(another, "", "a"), Throws.ArgumentException);
    }

    /// <summary>The row and the answer are one commit, though the handler fails again and again.</summary>
    [Test]
    public async Task A_handler_answers_each_line_once_in_its_transaction()
    {
        const int Lines = 60;
        var (server, fleet) = await StartAsync();
        var device = StartClient(server, "pump-1");
        var heard = Hear(device);
        var calls = 0;
        await using var consumer = fleet.Process("billing", async (line, transaction, ct) =>
        {
            await Insert("a")(line, transaction, ct);
            await fleet.EnqueueAsync(transaction, line.DeviceId, line.Text, ct);
            if (Interlocked.Increment(ref calls) % 7 == 0)
                throw new IOException("after the answer");
        }, Quick);
        await Task.WhenAll(Enumerable.Range(0, Lines).Select(n => device.WriteAsync(Text(n)))).Within();
        await Bound.EventuallyAsync(() => heard.Count >= Lines);
        Assert.That(string.Join(' ', heard), Is.EqualTo(Numbers(Lines)));
        Assert.That(await HadAsync("pump-1"), Is.EqualTo(Numbers(Lines)));
    }

    [Test]
    public async Task A_line_that_the_link_refuses_stays_and_holds_up_nobody()
    {
        var (server, fleet) = await StartAsync();
        var heard = Hear(StartClient(server, "pump-1"));
        await fleet.WriteAsync("pump-1", new string('x', 1 << 20));
        await fleet.WriteAsync("pump-1", "short");
        await Bound.EventuallyAsync(() => heard.Count == 1);
        Assert.That(heard, Is.EqualTo(["short"]));
        Assert.That(() => fleet.WriteAsync("pump-1", "a\nb"), Throws.ArgumentException);
        Assert.That(() => fleet.WriteAsync("", "a"), Throws.ArgumentException);
    }

    [Test]
    public async Task More_lines_than_may_wait_for_a_device_are_refused_and_those_of_others_are_not()
    {
        var (store, fleet) = await OpenAsync(TimeSpan.FromDays(1), fleetLines: 10);
        Own(store);
        for (var n = 0; n < 10; n++)
            await fleet.WriteAsync("pump-1", Text(n)).Within();
        var full = await Assert.CatchAsync(() => fleet.WriteAsync("pump-1", "one too many").Within());
        Assert.That(full, Is.TypeOf<OutboxFullException>());
        Assert.That(full!.Message, Is.EqualTo("The outbox of link 'pump-1' is full: FleetLines is 10 lines."));
        await fleet.WriteAsync("pump-2", "of another one").Within();
        var server = await StartServerAsync(ServerOptions with { SessionStore = store });
        Assert.That(await StartClient(server, "pump-1").Lines.Take(10).ToList().Timeout(Bound.Limit), Is.EqualTo(Enumerable.Range(0, 10).Select(n => Text(n))));
        await fleet.WriteAsync("pump-1", "there is room again").Within();
    }

    [Test]
    public async Task The_devices_say_who_is_up_and_come_again_when_they_change()
    {
        var (server, fleet) = await StartAsync();
        var seen = new List<FleetDevice>();
        Own(fleet.ObserveDevices(TimeSpan.FromMilliseconds(20)).Synchronize(seen).Subscribe(seen.Add));
        var (one, two) = (StartClient(server, "pump-1"), StartClient(server, "pump-2"));
        await Bound.EventuallyAsync(() => seen.Any(d => d is { Id: "pump-1", IsUp: true }) && seen.Any(d => d is { Id: "pump-2", IsUp: true }));
        await two.CloseAsync().Within();
        await Bound.EventuallyAsync(() => seen[^1] is { Id: "pump-2", IsUp: false, LastOutage: not null });
        var all = await fleet.GetDevicesAsync().Within();
        Assert.That(all.Select(d => (d.Id, d.IsUp)), Is.EqualTo([("pump-1", true), ("pump-2", false)]));
        Assert.That(all[0].Since, Is.Not.Null);
        Assert.That(await fleet.GetDeviceAsync("pump-2").Within(), Is.EqualTo(seen[^1]));
        Assert.That(await fleet.GetDeviceAsync("nobody").Within(), Is.Null);
        await server.ForgetAsync("pump-2").Within();
        await Bound.EventuallyAsync(() => seen[^1] is { Id: "pump-2", IsUp: false, LastOutage: "it was forgotten" });
        Assert.That(() => fleet.ObserveDevices(TimeSpan.Zero), Throws.InstanceOf<ArgumentOutOfRangeException>());
        GC.KeepAlive(one);
    }

    [TestCase("", 1)]
    [TestCase("a", 0)]
    [TestCase("a\0", 1)]
    public async Task What_is_out_of_range_is_said(string name, int concurrent)
    {
        var (_, fleet) = await StartAsync();
        Assert.That(() => fleet.Process(name, (_, _, _) => Task.CompletedTask, Quick with { MaxConcurrent = concurrent }), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => fleet.Lines(name, Quick with { MaxConcurrent = concurrent }), Throws.InstanceOf<ArgumentException>());
    }

    protected static Func<FleetLine, DbTransaction, CancellationToken, Task> Insert(string by) => async (line, transaction, ct) =>
    {
        await using var command = transaction.Connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = "INSERT INTO had (id, text, who) VALUES (@id, @text, @who)";
        foreach (var (name, value) in new[] { ("@id", line.DeviceId), ("@text", line.Text), ("@who", by) })
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (name, value);
            command.Parameters.Add(parameter);
        }

        await command.ExecuteNonQueryAsync(ct);
    };

    protected static string Text(long n) => n.ToString(CultureInfo.InvariantCulture);

    protected async Task<(IotLinkServer Server, IFleet Fleet)> StartAsync(TimeSpan? inboxFor = null)
    {
        var (store, fleet) = await OpenAsync(inboxFor ?? TimeSpan.FromDays(1), fleetLines: 10_000);
        Own(store);
        return (await StartServerAsync(ServerOptions with { SessionStore = store, PinAddresses = false }), fleet);
    }

    protected List<string> Hear(IotLinkClient device)
    {
        var heard = new List<string>();
        Own(device.Lines.Subscribe(heard.Add));
        return heard;
    }

    protected Task<string> HadAsync(string id) => TextAsync($"SELECT string_agg(text, ' ') FROM (SELECT text FROM had WHERE id = '{id}' ORDER BY place) t");

    protected async Task<string> TextAsync(string sql) => await ScalarAsync(sql) as string ?? "";

    /// <summary>Waits until a query gives this number, or a greater one.</summary>
    protected Task UntilAsync(string sql, long expected) => Observable.Interval(TimeSpan.FromMilliseconds(20))
        .Select(_ => Observable.FromAsync(async () => Convert.ToInt64(await ScalarAsync(sql) ?? 0L, CultureInfo.InvariantCulture))).Concat()
        .FirstAsync(number => expected == 0 ? number == 0 : number >= expected, $"{sql} gives {expected}");

    private static string Numbers(int count) => string.Join(' ', Enumerable.Range(0, count));

    private static async Task ExecuteAsync(DbTransaction transaction, string sql)
    {
        await using var command = transaction.Connection!.CreateCommand();
        (command.Transaction, command.CommandText) = (transaction, sql);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<object?> ScalarAsync(string sql)
    {
        await using var connection = await ConnectAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return await command.ExecuteScalarAsync() is var value && value is DBNull ? null : value;
    }
}
