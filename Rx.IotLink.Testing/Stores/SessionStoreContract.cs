using Rx.IotLink.Testing.Stores;

namespace Rx.IotLink.Testing;

/// <summary>
/// What every <see cref="ISessionStore"/> must do, as a list of checks. Whoever writes a store runs them with a test
/// framework of their own choice.
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
    /// Opens the store of a name (letters, digits and hyphens). A name that was never used before gives an empty store;
    /// a name that was, what the store of that name kept. A check disposes a store (<see cref="IAsyncDisposable"/>, or
    /// <see cref="IDisposable"/>) before it opens the same name again, and when it ends.
    /// </param>
    /// <param name="breakStore">
    /// Makes a store fail its next batches with a <see cref="SessionStoreException"/>, until what this returns is
    /// disposed. Null: a store cannot be broken by a test, and the check of batches that fail is left out.
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

/// <summary>One thing that a store must do.</summary>
/// <param name="Name">A sentence that says what.</param>
/// <param name="RunAsync">
/// Tries it. Fails with a <see cref="SessionStoreContractException"/>, or with what the store threw.
/// </param>
public sealed record SessionStoreCheck(string Name, Func<Task> RunAsync)
{
    /// <summary>The name.</summary>
    public override string ToString() => Name;
}

/// <summary>A store does not do what it must.</summary>
public sealed class SessionStoreContractException : Exception
{
    /// <summary>Says which check failed, and what was found.</summary>
    public SessionStoreContractException(string check, string found)
        : base($"'{check}' does not hold: {found}") => Check = check;

    /// <summary>The name of the check.</summary>
    public string Check { get; }
}
