using NUnit.Framework;
using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Stores;

/// <summary>The store of the laboratory keeps the contract too: what is found with it is true of others.</summary>
[TestFixture]
public sealed class MemoryContractTests
{
    private static readonly Dictionary<string, MemorySessionStore> Stores = new(StringComparer.Ordinal);

    public static IEnumerable<TestCaseData> Checks =>
        SessionStoreContract.Checks(Open, Break).Select(check => new TestCaseData(check).SetArgDisplayNames(check.Name));

    [TestCaseSource(nameof(Checks))]
    public Task Keeps_the_contract(SessionStoreCheck check) => check.RunAsync();

    private static MemorySessionStore Open(string name)
    {
        lock (Stores)
            return Stores.TryGetValue(name, out var store) ? store : Stores[name] = new();
    }

    private static Broken Break(ISessionStore store) => new((MemorySessionStore)store);

    private sealed class Broken : IDisposable
    {
        private readonly MemorySessionStore store;

        public Broken(MemorySessionStore store) => (this.store, store.Fault) = (store, new SessionStoreException("in memory", SessionStoreFault.Unavailable, "is broken", "Mend it"));

        public void Dispose() => store.Fault = null;
    }
}
