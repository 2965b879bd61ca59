using System.Reactive.Disposables;
using NUnit.Framework;
using Rx.IotLink.Testing;
using static Rx.IotLink.Tests.Stores.Contract.PlantedFault;

namespace Rx.IotLink.Tests.Stores.Contract;

/// <summary>The contract kit passes a plain store, and finds each mistake that is planted in it.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class ContractKitTests
{
    private static IEnumerable<PlantedFault> Faults => Enum.GetValues<PlantedFault>().Where(fault => fault != None);

    private static IEnumerable<TestCaseData> Checks => ChecksOf(None).Select(check => new TestCaseData(check).SetArgDisplayNames(check.Name));

    [TestCaseSource(nameof(Checks))]
    public Task A_plain_store_keeps_the_contract(SessionStoreCheck check) => check.RunAsync();

    [TestCaseSource(nameof(Faults))]
    public async Task Finds_the_mistake(object fault)
    {
        var found = new List<string>();
        foreach (var check in ChecksOf((PlantedFault)fault))
        {
            try
            {
                await check.RunAsync();
            }
            catch (SessionStoreContractException e)
            {
                Assert.That((e.Check, e.Message), Is.EqualTo((check.Name, e.Message)));
                found.Add(e.Message);
            }
        }

        await TestContext.Out.WriteLineAsync(string.Join('\n', found));
        Assert.That(found, Is.Not.Empty);
    }

    [Test]
    public void A_store_that_no_test_can_break_is_not_asked_to_fail() =>
        Assert.That(SessionStoreContract.Checks(_ => throw new InvalidOperationException()).Select(check => check.Name), Has.None.Contains("fails"));

    private static IReadOnlyList<SessionStoreCheck> ChecksOf(PlantedFault fault)
    {
        var kept = new Dictionary<string, PlainStore.Memory>(StringComparer.Ordinal);
        return SessionStoreContract.Checks(Open, Break);

        ISessionStore Open(string name)
        {
            lock (kept)
            {
                if (fault == LosesAllWhenClosed || !kept.TryGetValue(name, out var memory))
                    kept[name] = memory = new();
                return new PlainStore(memory, fault);
            }
        }

        static IDisposable Break(ISessionStore store)
        {
            var plain = (PlainStore)store;
            plain.IsBroken = true;
            return Disposable.Create(() => plain.IsBroken = false);
        }
    }
}
