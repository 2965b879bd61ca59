using System.Diagnostics.CodeAnalysis;

namespace Rx.IotLink.Cli;

/// <summary>
/// A bounded number of lines in flight: each has a slot from before it is read until it is acknowledged.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore whose wait handle is not asked for holds nothing.")]
internal sealed class LineWindow(int places)
{
    private readonly SemaphoreSlim free = new(places);
    private int undelivered;

    /// <summary>Lines that took a place and were not acknowledged: waiting, on their way, or failed for good.</summary>
    public int Undelivered => Volatile.Read(ref undelivered);

    /// <summary>Waits for a place and takes it.</summary>
    public async Task ReserveAsync(CancellationToken cancellationToken)
    {
        await free.WaitAsync(cancellationToken).ConfigureAwait(false);
        Interlocked.Increment(ref undelivered);
    }

    /// <summary>The same for an observer, which is to be held up meanwhile: that is what slows the peer.</summary>
    public void Reserve(CancellationToken cancellationToken)
    {
        free.Wait(cancellationToken);
        Interlocked.Increment(ref undelivered);
    }

    /// <summary>Gives a place back: its line was acknowledged, or there is none.</summary>
    public void Release()
    {
        // In this order: when all places are free, no line is undelivered.
        Interlocked.Decrement(ref undelivered);
        free.Release();
    }

    /// <summary>
    /// Releases the place of a line when its delivery is complete. A line that failed for good stays counted, and so is
    /// reported.
    /// </summary>
    public async Task FollowAsync(Task delivery)
    {
        try
        {
            await delivery.ConfigureAwait(false);
            Release();
        }
        catch (LineReplacedException)
        {
            // As its writer asked: the newer one is delivered.
            Release();
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or OperationCanceledException)
        {
            free.Release();
        }
    }

    /// <summary>
    /// Completes when no line is on its way. It takes every place for itself, so that no further line can begin.
    /// </summary>
    public async Task DrainAsync(CancellationToken cancellationToken)
    {
        for (var i = 0; i < places; i++)
            await free.WaitAsync(cancellationToken).ConfigureAwait(false);
    }
}
