using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Stores;

/// <summary>A store in memory whose calls a test counts, breaks or holds up.</summary>
internal sealed class BreakableStore : ISessionStore
{
    /// <summary>The name of a claim, beside those of the records.</summary>
    public const string Claim = "Claim";

    private readonly Lock gate = new();
    private readonly List<string> calls = [];
    private readonly MemorySessionStore kept = new();

    /// <summary>
    /// Called with <see cref="Claim"/>, or the kind of each record, before it is kept: it may throw, or wait.
    /// </summary>
    public Action<string> Before { get; set; } = _ => { };

    /// <summary>Called with the id of each claim: it may throw, or wait.</summary>
    public Action<string> BeforeClaim { get; set; } = _ => { };

    /// <summary>Whether what is thrown comes by the task, and not at once.</summary>
    public bool ThrowsLate { get; init; }

    /// <summary>The names of the claims and records that came, failed ones included.</summary>
    public IReadOnlyList<string> Calls
    {
        get
        {
            lock (gate)
                return [.. calls];
        }
    }

    /// <summary>What it remembers of the only device.</summary>
    public SessionMemory? Memory => kept.Ids.Select(kept.MemoryOf).SingleOrDefault();

    /// <summary>The lines of the only device that wait.</summary>
    public IReadOnlyList<string> Lines => kept.LinesOf(kept.Ids.Single());

    /// <summary>The next so many records of this kind (or claims) fail.</summary>
    public void Fails(string call, int times = 1)
    {
        var left = times;
        Before = name =>
        {
            if (name == call && left-- > 0)
                throw new IOException($"{call} failed");
        };
    }

    public ValueTask<ClaimedSession> ClaimAsync(string id, CancellationToken cancellationToken = default)
    {
        try
        {
            Call(Claim);
            BeforeClaim(id);
        }
        catch (Exception exception) when (ThrowsLate)
        {
            return ValueTask.FromException<ClaimedSession>(exception);
        }

        return kept.ClaimAsync(id, cancellationToken);
    }

    public ValueTask<IReadOnlyCollection<SessionClaim>> WriteAsync(IReadOnlyList<SessionWrite> batch, CancellationToken cancellationToken = default)
    {
        foreach (var (_, record) in batch)
            Call(record.Kind.ToString());
        return kept.WriteAsync(batch, cancellationToken);
    }

    public ValueTask<IReadOnlyList<StoredLine>> ReadLinesAsync(SessionClaim claim, long after, int count, CancellationToken cancellationToken = default) =>
        kept.ReadLinesAsync(claim, after, count, cancellationToken);

    private void Call(string name)
    {
        lock (gate)
            calls.Add(name);
        Before(name);
    }
}
