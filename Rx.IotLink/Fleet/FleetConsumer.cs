namespace Rx.IotLink;

/// <summary>
/// One process of a consumer of the fleet's lines. From <see cref="IFleet.Process"/>. Any number of processes share a
/// consumer, if the store has several; so do any number of these in one process.
/// </summary>
public sealed class FleetConsumer : IAsyncDisposable
{
    /// <summary>The longest name of a consumer.</summary>
    private const int MaxNameLength = 100;

    private readonly Func<ValueTask> end;

    internal FleetConsumer(string name, IObservable<LinkNotice> notices, Func<ValueTask> end) => (Name, Notices, this.end) = (name, notices, end);

    /// <summary>The name of the consumer.</summary>
    public string Name { get; }

    /// <summary>
    /// Handlers that failed (<see cref="LinkNoticeKind.HandlerFailed"/>), and a store that is away
    /// (<see cref="LinkNoticeKind.StoreFailed"/>) or is back (<see cref="LinkNoticeKind.StoreWorks"/>). From now on.
    /// </summary>
    public IObservable<LinkNotice> Notices { get; }

    /// <summary>
    /// Begins no further line, cancels the handlers that run, waits for them, and leaves the lines to others. What a
    /// cancelled handler did is undone.
    /// </summary>
    public ValueTask DisposeAsync() => end();

    /// <summary>Checks what was given for a consumer.</summary>
    /// <exception cref="ArgumentException">The name or an option is out of range.</exception>
    internal static void Check(string name, FleetConsumerOptions? options)
    {
        const string Consumer = "consumer";
        Require.NotNull(name, Consumer);
        Require.InRange(name.Length, 1, MaxNameLength, Consumer + ".Length");
        Require.NotFaulty(Protocol.Utf8.ByteCount(name) is null || name.Contains('\0', StringComparison.Ordinal) ? "is no text" : null, Protocol.Printable.Of(name), Consumer);
        options?.Validate();
    }

    /// <summary>What is said of an exception of the application: even its message may throw.</summary>
    internal static string Said(Exception e)
    {
        try
        {
            return Protocol.Printable.Message($"{e.GetType().Name}: {e.Message}");
        }
        catch (Exception)
        {
            return e.GetType().Name;
        }
    }
}

/// <summary>A handler has not ended in time.</summary>
/// <param name="limit">The time.</param>
internal sealed class HandlerTimeoutException(TimeSpan limit) : Exception($"It has not ended for {limit.TotalSeconds:0.###} s.");

/// <summary>An observer threw, and gets nothing more.</summary>
internal sealed class ObserverThrewException(Exception cause) : Exception("An observer threw.", cause);
