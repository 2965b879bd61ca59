namespace Rx.IotLink;

/// <summary>A store of the application's, whose failures are told from all others.</summary>
internal sealed class GuardedStore(ISessionStore store) : ISessionStore
{
    public SessionMemory? Load() => store.Load();

    public void Begin(ulong epoch) => Guard(() => store.Begin(epoch));

    public void Connect(ulong number) => Guard(() => store.Connect(number));

    public void Add(ulong number, string line) => Guard(() => store.Add(number, line));

    public void RemoveThrough(ulong number) => Guard(() => store.RemoveThrough(number));

    public void Accept(ulong peerEpoch, ulong number) => Guard(() => store.Accept(peerEpoch, number));

    private static void Guard(Action action)
    {
        try
        {
            action();
        }
        catch (Exception exception)
        {
            throw new StoreFailedException(exception);
        }
    }
}

/// <summary>The application's store failed: what it was to keep is not promised, so the connection ends and the session resumes on the next.</summary>
internal sealed class StoreFailedException(Exception cause) : Exception($"the session store failed with {cause.GetType().Name}: {cause.Message}", cause);
