using System.Data.Common;
using Npgsql;
using NUnit.Framework;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.PostgreSql.Database;
using Rx.IotLink.Tests.Stores.Fleet;

namespace Rx.IotLink.Tests.Stores.PostgreSql;

/// <summary>The fleet over a real PostgreSQL.</summary>
[TestFixture]
internal sealed class PostgreSqlFleetContractTests : FleetContract
{
    private PostgresCluster cluster = null!;
    private string database = "";

    protected override string SetAside => "iotlink.set_aside";

    [SetUp]
    public async Task MakeAsync()
    {
        cluster = await PostgresCluster.Shared;
        database = await cluster.NewDatabaseAsync();
        await cluster.SqlAsync("CREATE TABLE had (place bigserial, id text, text text, who text)", database);
    }

    protected override async Task<(ISessionStore Store, IFleet Fleet)> OpenAsync(TimeSpan inboxFor, int fleetLines)
    {
        var store = await PostgreSqlSessionStore.OpenAsync(new PostgreSqlSessionStoreOptions
        {
            ConnectionString = cluster.ConnectionString(database), Node = "one", MaxConnections = 4, Inbox = true, InboxFor = inboxFor, FleetLines = fleetLines,
        });
        return (store, store.Fleet);
    }

    protected override async Task<DbConnection> ConnectAsync()
    {
        var connection = new NpgsqlConnection(cluster.ConnectionString(database, more: "Pooling=False"));
        await connection.OpenAsync();
        return connection;
    }

    protected override string Beside(string id)
    {
        var partition = FleetInbox.PartitionOf(Changes.Utf8.GetBytes(id));
        return Enumerable.Range(0, 10_000).Select(n => $"pump-{Text(n)}").First(other => FleetInbox.PartitionOf(Changes.Utf8.GetBytes(other)) == partition);
    }
}
