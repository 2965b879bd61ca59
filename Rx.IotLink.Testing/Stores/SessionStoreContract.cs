using Rx.IotLink.Testing.Stores;

namespace Rx.IotLink.Testing;

/// <summary>
/// The rules of every <see cref="ISessionStore"/>, as a list of checks. Run them on your own store, with any test
/// framework.
/// </summary>
/// <remarks>
/// <code>
/// public static IEnumerable&lt;SessionStoreCheck&gt; Checks =>
///     SessionStoreContract.Checks(name => new MyStore(folder, name));
///
/// [TestCaseSource(nameof(Checks))]
/// public Task Keeps_the_contract(SessionStoreCheck check) => check.RunAsync();
/// </code>
/// </remarks>
public static class SessionStoreContract
{
    /// <summary>The checks for one kind of store. They run one at a time, or side by side.</summary>
    /// <param name="open">
    /// Opens the store with a name (letters, digits and hyphens). A new name gives an empty store; a name that was used
    /// before gives the store with its content. A check disposes a store (<see cref="IAsyncDisposable"/>, or
    /// <see cref="IDisposable"/>) before it opens the same name again, and when it ends.
    /// </param>
    /// <param name="breakStore">
    /// Makes a store fail its next batches with a <see cref="SessionStoreException"/>, until the returned object is
    /// disposed. Null: a test cannot break the store, and the check of failing batches is left out.
    /// </param>
    public static IReadOnlyList<SessionStoreCheck> Checks(Func<string, ISessionStore> open, Func<ISessionStore, IDisposable>? breakStore = null)
    {
        ArgumentNullException.ThrowIfNull(open);
        IEnumerable<(string Name, Func<StoreSubject, Task> Check)> checks =
        [
            .. MemoryChecks.All, .. LineChecks.All, .. ClaimChecks.All, .. ReplayChecks.All,
            .. breakStore is null ? [] : FailureChecks.All(breakStore),
        ];
        return [.. checks.Select(one => new SessionStoreCheck(one.Name, () => RunAsync(one.Name, one.Check)))];

        async Task RunAsync(string name, Func<StoreSubject, Task> check)
        {
            var subject = new StoreSubject(open, name);
            await using (subject.ConfigureAwait(false))
                await check(subject).ConfigureAwait(false);
        }
    }
}

/// <summary>One rule of a store.</summary>
/// <param name="Name">The rule as a sentence.</param>
/// <param name="RunAsync">
/// Runs the check. Fails with a <see cref="SessionStoreContractException"/>, or with the exception of the store.
/// </param>
public sealed record SessionStoreCheck(string Name, Func<Task> RunAsync)
{
    /// <summary>The name.</summary>
    public override string ToString() => Name;
}

/// <summary>A store breaks a rule.</summary>
public sealed class SessionStoreContractException : Exception
{
    /// <summary>Says which check failed, and what it found.</summary>
    public SessionStoreContractException(string check, string found)
        : base($"'{check}' does not hold: {found}") => Check = check;

    /// <summary>The name of the check.</summary>
    public string Check { get; }
}
