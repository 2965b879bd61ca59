using NUnit.Framework;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Stores.PostgreSql;

/// <summary>A standby that lacks the last commits takes over: what it remembers is older than what peers do.</summary>
internal sealed class PostgreSqlFailoverTests : ServerTest
{
    private PostgresCluster cluster = null!;

    [SetUp]
    public async Task StartAsync() => cluster = Own(await PostgresCluster.StartAsync());

    [Test]
    public async Task Each_session_begins_a_new_epoch_once()
    {
        SessionClaim before;
        SessionMemory memory;
        await using (var store = await OpenAsync())
        {
            before = (await store.ClaimAsync("pump-1")).Claim;
            await WriteAsync(
                store, before, new(SessionRecordKind.Begin, Epoch: 7), new(SessionRecordKind.Accept, Number: 9, Epoch: 8), new(SessionRecordKind.Connect, Number: 3),
                new(SessionRecordKind.Add, 1, Text: "one"), new(SessionRecordKind.Add, 2, Text: "two"), new(SessionRecordKind.RemoveThrough, 1, Number: 1));
            var unused = (await store.ClaimAsync("not begun")).Claim;
            await WriteAsync(store, unused, new SessionRecord(SessionRecordKind.Add, 1, Text: "x"));
            await cluster.KeepStandbyAsync();
            await ReconnectAsync(store);
            await WriteAsync(store, before, new(SessionRecordKind.Add, 3, Text: "lost"), new(SessionRecordKind.RemoveThrough, 2, Number: 2));
            Assert.That(await store.IsFencedOutAsync(before), Is.False);
        }

        await cluster.FailOverAsync();

        await using var after = await OpenAsync();
        Assert.That(await after.IsFencedOutAsync(before), Is.True, "a later claim may have been lost with the last commits");
        var claimed = await after.ClaimAsync("pump-1");
        memory = claimed.Memory;
        Assert.That(memory, Is.EqualTo(new SessionMemory(memory.Epoch, 1, PeerEpoch: 8, 9, Connections: 3, LastPosition: 2, 1, 3)));
        Assert.That(memory.Epoch, Is.Not.Null.And.Not.EqualTo(7));
        Assert.That((await after.ReadLinesAsync(claimed.Claim, 0, 10)).Select(line => line.Text), Is.EqualTo(new[] { "two" }));
        Assert.That((await after.ClaimAsync("pump-1")).Memory, Is.EqualTo(memory), "once");
        Assert.That((await after.ClaimAsync("not begun")).Memory.Epoch, Is.Null);
        Assert.That(await after.IsFencedOutAsync(claimed.Claim), Is.True, "a later claim of this history");
    }

    /// <summary>
    /// Where each commit waits for a standby, a row is kept without the timeline: one that takes over lacks nothing.
    /// </summary>
    [Test]
    public async Task Nothing_begins_anew_where_nothing_can_be_lost()
    {
        await using var store = await OpenAsync();
        var claim = (await store.ClaimAsync("pump-1")).Claim;
        await WriteAsync(store, claim, new SessionRecord(SessionRecordKind.Begin, Epoch: 7));
        await cluster.SqlAsync("UPDATE iotlink.sessions SET history = split_part(history, '/', 1)");
        await cluster.KeepStandbyAsync();
        await cluster.FailOverAsync();
        await ReconnectAsync(store);

        Assert.That(await store.IsFencedOutAsync(claim), Is.False);
        Assert.That((await store.ClaimAsync("pump-1")).Memory.Epoch, Is.EqualTo(7));
        Assert.That(await cluster.SqlAsync("SELECT history FROM iotlink.sessions"), Does.EndWith("/00000002"), "and it says now that the timeline counts");
    }

    [Test]
    public async Task A_dump_in_another_cluster_begins_anew_and_a_row_of_an_older_library_does_not()
    {
        await using var store = await OpenAsync();
        foreach (var id in new[] { "dumped", "old" })
            await WriteAsync(store, (await store.ClaimAsync(id)).Claim, new SessionRecord(SessionRecordKind.Begin, Epoch: 7));
        await cluster.SqlAsync("UPDATE iotlink.sessions SET history = CASE WHEN id = 'dumped' THEN '1' || history END");

        Assert.That((await store.ClaimAsync("dumped")).Memory.Epoch, Is.Not.EqualTo(7));
        Assert.That((await store.ClaimAsync("old")).Memory.Epoch, Is.EqualTo(7));
        Assert.That(await cluster.SqlAsync("SELECT count(DISTINCT history) FROM iotlink.sessions"), Is.EqualTo(1));
    }

    private static async Task WriteAsync(PostgreSqlSessionStore store, SessionClaim claim, params SessionRecord[] records) =>
        Assert.That(await store.WriteAsync([.. records.Select(record => new SessionWrite(claim, record))]), Is.Empty);

    /// <summary>Connections of before fail once.</summary>
    private static async Task ReconnectAsync(PostgreSqlSessionStore store)
    {
        for (var attempt = 0; attempt < 10; attempt++)
        {
            try
            {
                _ = await store.IsFencedOutAsync(new("nobody", 1));
                return;
            }
            catch (SessionStoreException e) when (e.Fault == SessionStoreFault.Unavailable)
            {
            }
        }
    }

    private Task<PostgreSqlSessionStore> OpenAsync() => PostgreSqlSessionStore.OpenAsync(cluster.ConnectionString());
}
