using System.Globalization;
using Npgsql;
using NUnit.Framework;
using Rx.IotLink.PostgreSql;
using Rx.IotLink.Tests.Cli;

namespace Rx.IotLink.Tests.Stores.PostgreSql;

/// <summary>
/// A real PostgreSQL with its own files in a temporary folder, on a port of this machine. It ends with the tests,
/// however these end.
/// </summary>
internal sealed class PostgresCluster : IAsyncDisposable
{
    public const string Password = "pass;word '\"42";

    private const string User = "iotlink";

    // The watcher ends the server when its own input ends, which happens in any case. What is written need not outlive
    // the machine, so nothing waits for the disk; what a killed server has committed is kept by the system.
    private const string Watcher = """
        "$@" </dev/null >"$LOG" 2>&1 &
        pid=$!
        echo $pid
        cat >/dev/null
        kill -INT $pid 2>/dev/null
        wait $pid
        """;

    private static readonly Lock Gate = new();
    private static Task<PostgresCluster>? shared;

    private readonly DirectoryInfo folder;
    private readonly int port = FreePort.Get();
    private IotLinkProcess? process;
    private int pid;

    private PostgresCluster(DirectoryInfo folder) => this.folder = folder;

    /// <summary>The one that all tests share which do not stop it. Started when it is needed first.</summary>
    public static Task<PostgresCluster> Shared
    {
        get
        {
            lock (Gate)
                return shared ??= Task.Run(StartAsync);
        }
    }

    /// <summary>What the server has said.</summary>
    public string Log => File.ReadAllText(Path.Combine(folder.FullName, "log"));

    public int Port => port;

    /// <summary>A new server.</summary>
    public static async Task<PostgresCluster> StartAsync()
    {
        var cluster = new PostgresCluster(Directory.CreateTempSubdirectory("iotlink-pg-"));
        await cluster.InitializeAsync();
        await cluster.RunAsync();
        return cluster;
    }

    /// <summary>Ends the shared one.</summary>
    public static async Task EndSharedAsync()
    {
        Task<PostgresCluster>? ending;
        lock (Gate)
            (ending, shared) = (shared, null);
        if (ending is { IsCompletedSuccessfully: true })
            await (await ending).DisposeAsync();
    }

    /// <summary>How to connect to it, or to a proxy before it.</summary>
    public string ConnectionString(string database = "postgres", int? at = null, string more = "") => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = at ?? port,
        Database = database,
        Username = User,
        Password = Password,
    }.ConnectionString + ";" + more;

    /// <summary>A database of a test's own.</summary>
    /// <returns>Its name.</returns>
    public async Task<string> NewDatabaseAsync()
    {
        var name = $"test_{Guid.NewGuid():N}";
        await SqlAsync($"CREATE DATABASE {name}");
        return name;
    }

    /// <summary>Runs SQL on a connection of its own.</summary>
    /// <returns>The first value, if there is one.</returns>
    public async Task<object?> SqlAsync(string sql, string database = "postgres")
    {
        await using var connection = new NpgsqlConnection(ConnectionString(database, more: "Pooling=False"));
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    /// <summary>
    /// Starts it again after <see cref="KillAsync"/> or <see cref="StopAsync"/>, and waits until it answers.
    /// </summary>
    public async Task RunAsync()
    {
        // The processes of a killed server hold its memory for another moment, and it does not start meanwhile.
        for (var attempt = 1; ; attempt++)
        {
            var log = Path.Combine(folder.FullName, "log");
            process = IotLinkProcess.StartOther("env", [$"LOG={log}", "sh", "-c", Watcher, "sh", .. PostgresProgram.Command("postgres", "-D", Data)]);
            pid = int.Parse((await process.OutputAsync(1)).Single(), CultureInfo.InvariantCulture);
            if (await AnswersAsync())
                return;
            await StopAsync();
            Assert.That(attempt, Is.LessThan(20), await File.ReadAllTextAsync(log));
        }
    }

    /// <summary>Ends it as a power failure of its process does.</summary>
    public Task KillAsync() => EndAsync("KILL");

    /// <summary>Ends it at once, with a word to those who are connected.</summary>
    public Task StopAsync() => EndAsync("INT");

    /// <summary>Keeps what the server has now, as a standby that hears nothing more.</summary>
    public async Task KeepStandbyAsync()
    {
        await StopAsync();
        await PostgresProgram.RunAsync("cp", "-a", Data, Data + ".standby");
        await RunAsync();
    }

    /// <summary>The server is lost, and the standby takes its place.</summary>
    public async Task FailOverAsync()
    {
        await KillAsync();
        Directory.Delete(Data, recursive: true);
        Directory.Move(Data + ".standby", Data);
        await PostgresProgram.RunAsync("cp", "-p", Path.Combine(Data, "PG_VERSION"), Path.Combine(Data, "standby.signal"));
        await RunAsync();
        Assert.That(await SqlAsync("SELECT pg_promote()"), Is.True);
    }

    /// <summary>Sends a signal to the server, or to one of its processes.</summary>
    public Task SignalAsync(string signal, int? to = null) => PostgresProgram.RunAsync("kill", $"-{signal}", (to ?? pid).Text());

    public async ValueTask DisposeAsync()
    {
        if (process is not null)
            await StopAsync();
        folder.Delete(recursive: true);
    }

    private string Data => Path.Combine(folder.FullName, "data");

    private async Task InitializeAsync()
    {
        var password = Path.Combine(folder.FullName, "password");
        await File.WriteAllTextAsync(password, Password + "\n");
        if (PostgresProgram.User is { } user)
            await PostgresProgram.RunAsync("chown", "-R", user, folder.FullName);
        await PostgresProgram.RunAsync(PostgresProgram.Command(
            "initdb", "-D", Data, "-U", User, "-A", "scram-sha-256", $"--pwfile={password}", "-E", "UTF8", "--locale=C", "--no-sync"));
        await File.AppendAllTextAsync(Path.Combine(Data, "postgresql.conf"), string.Create(CultureInfo.InvariantCulture, $"""
            port = {port}
            listen_addresses = '127.0.0.1'
            unix_socket_directories = '{folder.FullName}'
            fsync = off
            shared_buffers = 32MB
            max_connections = 300
            """));
    }

    private async Task<bool> AnswersAsync()
    {
        var until = Environment.TickCount64 + (long)IotLinkProcess.Bound.TotalMilliseconds;
        while (Environment.TickCount64 < until && File.Exists(Path.Combine("/proc", pid.Text(), "stat")))
        {
            try
            {
                _ = await SqlAsync("SELECT 1");
                return true;
            }
            catch (NpgsqlException)
            {
                await Task.Yield();
            }
        }

        return false;
    }

    private async Task EndAsync(string signal)
    {
        var ending = process!;
        process = null;
        ending.Signal("CONT");
        await SignalOrGoneAsync(signal);
        ending.EndInput();
        _ = await ending.ExitAsync();
        await ending.DisposeAsync();
        NpgsqlConnection.ClearAllPools();
    }

    private async Task SignalOrGoneAsync(string signal)
    {
        if (File.Exists(Path.Combine("/proc", pid.Text(), "stat")))
            await PostgresProgram.RunAsync("sh", "-c", $"kill -{signal} {pid.Text()} || true");
    }
}

/// <summary>
/// Ends the shared server after the tests of this folder. They run beside others: without the attribute they would not.
/// </summary>
[SetUpFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class PostgresOfTests
{
    [OneTimeTearDown]
    public Task EndAsync() => PostgresCluster.EndSharedAsync();
}
