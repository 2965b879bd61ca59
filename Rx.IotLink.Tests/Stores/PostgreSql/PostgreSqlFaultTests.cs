using NUnit.Framework;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.Tests.Cli;

namespace Rx.IotLink.Tests.Stores.PostgreSql;

/// <summary>
/// Databases that cannot be used: each says why in a sentence and what to do, and never the password.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
internal sealed class PostgreSqlFaultTests
{
    private PostgresCluster cluster = null!;

    [SetUp]
    public async Task StartAsync() => cluster = await PostgresCluster.Shared;

    [Test]
    public async Task A_login_that_is_refused()
    {
        await RefusedAsync(
            cluster.ConnectionString(more: "Password=wrong-secret"), SessionStoreFault.Unavailable,
            $"The session store 'iotlink' of the database 'postgres' at 127.0.0.1:{cluster.Port} refuses the login of the role 'iotlink'. "
            + "Check the role, its password and pg_hba.conf.");
    }

    [Test]
    public async Task A_database_that_does_not_exist() => await RefusedAsync(
        cluster.ConnectionString("nowhere"), SessionStoreFault.Unavailable,
        $"The session store 'iotlink' of the database 'nowhere' at 127.0.0.1:{cluster.Port} does not exist: there is no such database. Create the database, or correct its name.");

    [Test]
    public async Task A_server_that_does_not_run()
    {
        var port = FreePort.Get();
        await RefusedAsync(
            cluster.ConnectionString(at: port), SessionStoreFault.Unavailable,
            $"The session store 'iotlink' of the database 'postgres' at 127.0.0.1:{port} cannot be reached (Connection refused). "
            + "Check that the server runs, its address and the network; it is tried again.");
    }

    [Test]
    public async Task Too_many_connections()
    {
        var role = $"role_{Guid.NewGuid():N}";
        await cluster.SqlAsync($"CREATE ROLE {role} LOGIN PASSWORD 'secret' CONNECTION LIMIT 0");
        await RefusedAsync(
            cluster.ConnectionString(more: $"Username={role};Password=secret"), SessionStoreFault.Unavailable,
            $"The session store 'iotlink' of the database 'postgres' at 127.0.0.1:{cluster.Port} has no connection left (53300: too many connections for role \"{role}\"). "
            + "Raise max_connections or the limit of the role or the database, or lower MaxConnections (8); it is tried again.");
    }

    [Test]
    public async Task A_server_that_can_only_be_read()
    {
        var database = await cluster.NewDatabaseAsync();
        await cluster.SqlAsync($"ALTER DATABASE {database} SET default_transaction_read_only = on");
        await RefusedAsync(
            cluster.ConnectionString(database), SessionStoreFault.ReadOnly,
            $"The session store 'iotlink' of the database '{database}' at 127.0.0.1:{cluster.Port} is on a server that can only be read, such as a standby. "
            + "Connect to the primary; with several hosts in the connection string it is found.");
    }

    [Test]
    public async Task The_server_that_can_be_written_is_found_among_several()
    {
        var database = await cluster.NewDatabaseAsync();
        await using var store = await PostgreSqlSessionStore.OpenAsync(
            cluster.ConnectionString(database, more: $"Host=127.0.0.1:{FreePort.Get()},127.0.0.1:{cluster.Port}"));
        _ = await store.ClaimAsync("pump-1");
    }

    [TestCase("Host=db;Pasword=secret;x")]
    [TestCase("postgres://user:secret@db/fleet")]
    [TestCase("Host=db;Password=half;secret=half")]
    [TestCase("Host=db;Port=secret")]
    [TestCase("Host=db;SSL Mode=secret")]
    [TestCase("Password=secret")]
    [TestCase("")]
    public async Task A_connection_string_that_cannot_be_read_is_said_to_be_so_and_not_shown(string text)
    {
        var refused = await Assert.CatchAsync(() => PostgreSqlSessionStore.OpenAsync(text));
        Assert.That(refused, Is.TypeOf<ArgumentException>());
        Assert.That(refused!.ToString(), Does.Contain("ConnectionString ").And.Not.Contain("secret").And.Not.Contain("half"));
        Assert.That(refused.Message, Does.StartWith("ConnectionString cannot be read. It must be").Or.StartWith("ConnectionString names no Host."));
    }

    [TestCase("Fleet")]
    [TestCase("1fleet")]
    [TestCase("fleet; DROP SCHEMA iotlink")]
    [TestCase("")]
    public void A_schema_that_is_no_name_is_refused(string schema)
    {
        var options = new PostgreSqlSessionStoreOptions { ConnectionString = "Host=db", Schema = schema };
        Assert.That(() => PostgreSqlSessionStore.OpenAsync(options), Throws.ArgumentException.With.Message.StartWith($"Schema '{schema}' is not a name of 1 to 63"));
        Assert.That(() => PostgreSqlSessionStore.SchemaSql(schema), Throws.ArgumentException);
    }

    [TestCase(2, 10, "MaxConnections must be 3 to 1000.")]
    [TestCase(8, 0, "Timeout must be 00:00:01 to 00:05:00.")]
    public void An_option_out_of_range_is_named(int connections, int seconds, string says)
    {
        var options = new PostgreSqlSessionStoreOptions { ConnectionString = "Host=db", MaxConnections = connections, Timeout = TimeSpan.FromSeconds(seconds) };
        Assert.That(() => PostgreSqlSessionStore.OpenAsync(options), Throws.InstanceOf<ArgumentException>().With.Message.Contains(says));
    }

    private static async Task RefusedAsync(string connectionString, SessionStoreFault fault, string says)
    {
        var refused = await Assert.CatchAsync(async () => await PostgreSqlSessionStore.OpenAsync(connectionString));
        Assert.That(refused, Is.TypeOf<SessionStoreException>(), $"{refused}");
        Assert.That(refused!.Message, Is.EqualTo(says));
        Assert.That(((SessionStoreException)refused).Fault, Is.EqualTo(fault));
        Assert.That(refused.ToString(), Does.Not.Contain(PostgresCluster.Password).And.Not.Contain("wrong-secret"));
    }
}
