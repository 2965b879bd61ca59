using System.Data.Common;
using System.Globalization;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Stores.Fleet;

/// <summary>
/// What an application may rely on, whichever database has the fleet: each check runs on each of them.
/// </summary>
internal abstract partial class FleetContract : FleetInboxContract
{
    /// <summary>
    /// Makes an empty database, with the table of the application (id, text, who; place counts its rows).
    /// </summary>
    protected abstract Task<(ISessionStore Store, IFleet Fleet)> OpenAsync(TimeSpan inboxFor, int fleetLines);

    /// <summary>A connection of the application to the database of the store.</summary>
    protected abstract Task<DbConnection> ConnectAsync();

    /// <summary>The SQL of the table of dead letters, for its rows.</summary>
    protected abstract string SetAside { get; }

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

    protected override async Task<(ISessionStore Store, IFleetInbox Fleet)> OpenInboxAsync() => await OpenAsync(TimeSpan.FromDays(1), fleetLines: 10_000);

    protected override FleetConsumer Consume(IFleetInbox fleet, string by, FleetConsumerOptions options, Func<FleetLine, bool>? fails = null) =>
        ((IFleet)fleet).Process("billing", async (line, transaction, ct) =>
        {
            await Insert(by)(line, transaction, ct);
            if (fails?.Invoke(line) == true)
                throw new FormatException("no number");
        }, options);

    protected override Task UntilHadAsync(int count, string? id = null, string? by = null) =>
        UntilAsync($"SELECT count(*) FROM had WHERE id = {(id is null ? "id" : $"'{id}'")} AND who = {(by is null ? "who" : $"'{by}'")}", count);

    protected override Task UntilNothingIsAsideAsync() => UntilAsync($"SELECT count(*) FROM {SetAside}", 0);

    protected override Task<string> HadAsync(string id) => TextAsync($"SELECT string_agg(text, ' ') FROM (SELECT text FROM had WHERE id = '{id}' ORDER BY place) t");

    protected async Task<string> TextAsync(string sql) => await ScalarAsync(sql) as string ?? "";

    /// <summary>Waits until a query gives this number, or a greater one.</summary>
    protected Task UntilAsync(string sql, long expected) => Observable.Interval(TimeSpan.FromMilliseconds(20))
        .Select(_ => Observable.FromAsync(async () => Convert.ToInt64(await ScalarAsync(sql) ?? 0L, CultureInfo.InvariantCulture))).Concat()
        .FirstAsync(number => expected == 0 ? number == 0 : number >= expected, $"{sql} gives {expected}");

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
