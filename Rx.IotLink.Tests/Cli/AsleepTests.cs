using System.Reactive.Linq;
using Microsoft.Data.Sqlite;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Stores.Sqlite;

namespace Rx.IotLink.Tests.Cli;

/// <summary>What <c>serve</c> says of a device that sleeps.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class AsleepTests
{
    [Test]
    public async Task A_device_that_sleeps_is_said_to_sleep_and_keeps_its_lines()
    {
        var (server, port) = await IotLinkProcess.ServeAsync("--page", "0");
        await using var serving = server;
        var page = await server.EventAsync("page on ");
        await using var device = IotLinkClient.Start(new() { Host = "127.0.0.1", Port = port, Id = "meter-1", DrainTimeout = TimeSpan.Zero });
        await device.State.FirstAsync(state => state.Status == LinkStatus.Up).Timeout(IotLinkProcess.Bound);
        using var wake = new CancellationTokenSource();
        var sleep = device.SleepAsync(TimeSpan.FromHours(1), wake.Token);

        Assert.That(await server.EventAsync("meter-1 asleep"), Does.Match("meter-1 asleep: until [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}Z"));
        await using var list = IotLinkProcess.Start("ls", "--state", "asleep", "--url", page[page.IndexOf("http", StringComparison.Ordinal)..]);
        Assert.That(await list.ExitAsync(), Is.Zero);
        Assert.That(await IotLinkProcess.AllAsync(list.Output), Has.Some.StartWith("meter-1  asleep"));
        await server.WriteAsync("meter-1\tfor when it wakes\n");
        var line = device.ReadLineAsync();
        await wake.CancelAsync();
        Assert.That(async () => await sleep, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(await line.WaitAsync(IotLinkProcess.Bound), Is.EqualTo("for when it wakes"));
        Assert.That(await server.EventAsync("meter-1 up (connection 2"), Is.Not.Null);
    }

    [Test]
    public async Task A_server_that_is_killed_says_so_again_when_it_starts_over_the_same_file()
    {
        using var folder = new TemporaryFolder();
        var (server, port) = await IotLinkProcess.ServeAsync("--store", folder["fleet.db"]);
        await using var first = server;
        await using var device = IotLinkClient.Start(new() { Host = "127.0.0.1", Port = port, Id = "meter-1", DrainTimeout = TimeSpan.Zero });
        await device.State.FirstAsync(state => state.Status == LinkStatus.Up).Timeout(IotLinkProcess.Bound);
        using var wake = new CancellationTokenSource();
        var sleep = device.SleepAsync(TimeSpan.FromHours(1), wake.Token);
        var said = await server.EventAsync("meter-1 asleep");
        await IsKeptAsync(folder["fleet.db"]);
        await server.KillAsync();

        var (again, _) = await IotLinkProcess.ServeAsync("--store", folder["fleet.db"]);
        await using var second = again;
        Assert.That(Event(await again.EventAsync("meter-1 asleep")), Is.EqualTo(Event(said)));
        await wake.CancelAsync();
        Assert.That(async () => await sleep, Throws.InstanceOf<OperationCanceledException>());

        static string Event(string line) => line[line.IndexOf("meter-1", StringComparison.Ordinal)..];
    }

    /// <summary>It says so before its disk knows it.</summary>
    private static Task IsKeptAsync(string path) => Bound.EventuallyAsync(() =>
    {
        using var reader = new SqliteConnection($"Data Source={path};Mode=ReadOnly;Pooling=False");
        reader.Open();
        using var command = reader.CreateCommand();
        command.CommandText = "SELECT connections FROM sessions WHERE id = 'meter-1'";
        return command.ExecuteScalar() is > 0L;
    });
}
