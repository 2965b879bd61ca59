using System.Reactive.Disposables;
using System.Security.Cryptography;
using System.Text;
using NUnit.Framework;
using Rx.IotLink.Nats;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Stores.Nats;

/// <summary>The store keeps the contract, on a real nats-server. Each check has a stream of its own.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class NatsContractTests
{
    private static NatsCluster cluster = null!;

    public static IEnumerable<TestCaseData> Checks =>
        SessionStoreContract.Checks(Open, Break).Select(check => new TestCaseData(check).SetArgDisplayNames(check.Name));

    [OneTimeSetUp]
    public async Task StartAsync() => cluster = await NatsCluster.StartAsync(nodes: 1);

    [OneTimeTearDown]
    public async Task EndAsync() => await cluster.DisposeAsync();

    // One after the other: one of them kills the server.
    [TestCaseSource(nameof(Checks))]
    public Task Keeps_the_contract(SessionStoreCheck check) => check.RunAsync();

    private static NatsSessionStore Open(string name) => new(new NatsSessionStoreOptions
    {
        Url = cluster.Url, Stream = "check_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..16], Replicas = 1,
    });

    /// <summary>The server is killed, and is there again with what it had.</summary>
    private static IDisposable Break(ISessionStore store)
    {
        var its = (NatsSessionStore)store;
        Wait(async () =>
        {
            await cluster.KillAsync(0);
            await Bound.EventuallyAsync(() => !its.IsConnected);
        });
        return Disposable.Create(() => Wait(async () =>
        {
            await cluster.RunAsync(0);
            await Bound.EventuallyAsync(() => its.IsConnected);
        }));
    }

    /// <summary>The kit breaks a store in one call, which blocks.</summary>
    private static void Wait(Func<Task> work)
    {
        using var done = new ManualResetEventSlim();
        var working = Task.Run(work);
        _ = working.ContinueWith(_ => done.Set(), TaskScheduler.Default);
        Assert.That(done.Wait(2 * Bound.Limit) && working.IsCompletedSuccessfully, $"{working.Exception}");
    }
}
