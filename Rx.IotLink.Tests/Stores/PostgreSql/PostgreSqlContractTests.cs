using System.Security.Cryptography;
using System.Text;
using Npgsql;
using NUnit.Framework;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Stores.PostgreSql;

/// <summary>The store keeps the contract, on a real server. Each check has a schema of its own.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class PostgreSqlContractTests
{
    private static readonly string Run = Guid.NewGuid().ToString("N")[..8];
    private static string connectionString = "";

    public static IEnumerable<TestCaseData> Checks =>
        SessionStoreContract.Checks(Open, Break).Select(check => new TestCaseData(check).SetArgDisplayNames(check.Name));

    [OneTimeSetUp]
    public async Task StartAsync() => connectionString = (await PostgresCluster.Shared).ConnectionString();

    [TestCaseSource(nameof(Checks))]
    public Task Keeps_the_contract(SessionStoreCheck check) => check.RunAsync();

    private static PostgreSqlSessionStore Open(string name) => new(new PostgreSqlSessionStoreOptions
    {
        ConnectionString = connectionString,
        Schema = $"contract_{Run}_{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..16]}",
        Timeout = TimeSpan.FromSeconds(4),
    });

    /// <summary>Another transaction holds a row.</summary>
    private static NpgsqlConnection Break(ISessionStore store)
    {
        var connection = new NpgsqlConnection(connectionString + "Pooling=False");
        connection.Open();
        using var hold = connection.CreateCommand();
        hold.CommandText = $"BEGIN; SELECT 1 FROM {((PostgreSqlSessionStore)store).Schema}.sessions WHERE id = 'pump-2' FOR UPDATE";
        hold.ExecuteNonQuery();
        return connection;
    }
}
