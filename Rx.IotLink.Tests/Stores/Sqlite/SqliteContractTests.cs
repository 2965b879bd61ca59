using Microsoft.Data.Sqlite;
using NUnit.Framework;
using Rx.IotLink.Sqlite;
using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Stores.Sqlite;

/// <summary>The store keeps the contract, on real files.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class SqliteContractTests
{
    private static readonly TemporaryFolder Folder = new();

    public static IEnumerable<TestCaseData> Checks =>
        SessionStoreContract.Checks(Open, Break).Select(check => new TestCaseData(check).SetArgDisplayNames(check.Name));

    [OneTimeTearDown]
    public void CleanUp() => Folder.Dispose();

    [TestCaseSource(nameof(Checks))]
    public Task Keeps_the_contract(SessionStoreCheck check) => check.RunAsync();

    private static SqliteSessionStore Open(string name) => SqliteSessionStore.Open(new SqliteSessionStoreOptions { Path = Folder[name + ".db"], BusyTimeout = TimeSpan.Zero });

    /// <summary>Another program has a transaction open.</summary>
    private static SqliteConnection Break(ISessionStore store)
    {
        var connection = new SqliteConnection($"Data Source={((SqliteSessionStore)store).Path};Pooling=False");
        connection.Open();
        using var begin = connection.CreateCommand();
        begin.CommandText = "BEGIN IMMEDIATE";
        begin.ExecuteNonQuery();
        return connection;
    }
}
