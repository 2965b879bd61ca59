using Crash;
using Crash.Ends;
using NUnit.Framework;
using Rx.IotLink.Tests.Stores.PostgreSql;
using Rx.IotLink.Tests.Stores.Sqlite;

namespace Rx.IotLink.Tests.Bench;

/// <summary>Real processes that are killed at random moments, and the table of an application.</summary>
internal sealed class CrashTests
{
    /// <summary>The short version of what <c>bench/Crash</c> does thousands of times.</summary>
    [TestCase(HowTaken.Names, false)]
    [TestCase(HowTaken.Fleet, false)]
    [TestCase(HowTaken.Positions, true)]
    public async Task A_server_and_a_device_that_are_killed_again_and_again_lose_repeat_and_reorder_nothing(HowTaken how, bool inPostgres)
    {
        const int Kills = 2;
        using var folder = new TemporaryFolder();
        var postgres = inPostgres ? await PostgresCluster.Shared : null;
        var run = new CrashRun(new CrashPlan
        {
            Kills = Kills,
            Devices = 1,
            Taken = how,
            Postgres = postgres?.ConnectionString(await postgres.NewDatabaseAsync()),
            Seed = TestContext.CurrentContext.Random.Next(100_000),
            Folder = folder.ToString(),
            LongestLife = TimeSpan.FromMilliseconds(400),
            Length = TimeSpan.FromMinutes(2),
        });
        var (toServer, toDevice) = await run.RunAsync(CancellationToken.None);

        Assert.That(new[] { run.ServerKills, run.DeviceKills }, Has.All.AtLeast(Kills));
        Assert.That((toServer.IsGood, toDevice.IsGood), Is.EqualTo((true, true)), $"{toServer} {toDevice}");
        Assert.That(new[] { toServer.Stored, toDevice.Stored }, Has.All.Positive);
    }

    [TestCase("1 2 3", "1 2 3", 0, 0, 0)]
    [TestCase("1 2 3", "1 2 3 4", 0, 0, 0, TestName = "One that was not reported as stored may be there")]
    [TestCase("1 2 3", "1 3", 1, 0, 0)]
    [TestCase("1 2 3", "", 3, 0, 0)]
    [TestCase("1 2 3", "1 2 2 3", 0, 1, 0)]
    [TestCase("1 2 3", "1 3 2", 0, 0, 1)]
    [TestCase("1 2 3", "1 3 1", 1, 1, 0)]
    public void The_verdict_finds_what_is_lost_repeated_and_out_of_order(string stored, string taken, long lost, long repeated, long outOfOrder)
    {
        var verdict = Verdict.Of(Numbers(stored), [.. Numbers(taken).Select(number => ($"{number} text", 1))]);
        Assert.That((verdict.Lost, verdict.Repeated, verdict.OutOfOrder), Is.EqualTo((lost, repeated, outOfOrder)));
        Assert.That(verdict.IsGood, Is.EqualTo(lost + repeated + outOfOrder == 0));
    }

    private static IEnumerable<long> Numbers(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(long.Parse);
}
