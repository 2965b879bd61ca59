using System.Reactive.Linq;
using Npgsql;
using Rx.IotLink;
using Rx.IotLink.PostgreSql;

namespace Examples.Cluster;

/// <summary>
/// A process of the application: writes each line into its own table and answers it, in one transaction. Neither
/// happens without the other, and nothing happens twice, however often this process is killed.
/// </summary>
internal static class ApplicationProcess
{
    public const string Table = "CREATE TABLE IF NOT EXISTS had (place bigserial PRIMARY KEY, device text NOT NULL, number bigint NOT NULL)";

    public static async Task<int> RunAsync(string node, CancellationToken cancellation)
    {
        await using var store = await PostgreSqlSessionStore.OpenAsync(
            new PostgreSqlSessionStoreOptions { ConnectionString = Worker.Database, Node = node, Inbox = true }, cancellation);
        var options = new FleetConsumerOptions { Lease = Times.Lease, BackOff = new() { Cap = TimeSpan.FromSeconds(1) } };
        await using var sums = store.Fleet.Process("sums", async (line, transaction, ct) =>
        {
            await using var insert = new NpgsqlCommand("INSERT INTO had (device, number) VALUES ($1, $2)", transaction.Connection, transaction)
            {
                Parameters = { new() { Value = line.DeviceId }, new() { Value = Number.Of(line.Text) } },
            };
            await insert.ExecuteNonQueryAsync(ct);
            await store.Fleet.EnqueueAsync(transaction, line.DeviceId, line.Text, ct);
        }, options);
        await Worker.SayReadyAsync(cancellation);
        return 0;
    }
}
