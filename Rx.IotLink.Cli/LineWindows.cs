using System.Collections.Concurrent;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;

namespace Rx.IotLink.Cli;

/// <summary>
/// All lines on their way: those of the input, and each link's echoes, which have places of their own so that one link
/// cannot take another's.
/// </summary>
internal sealed class LineWindows
{
    private readonly ConcurrentDictionary<LineWindow, bool> all = new();

    /// <summary>Lines that were handed over and not acknowledged.</summary>
    public int Undelivered => all.Keys.Sum(x => x.Undelivered);

    /// <summary>Opens places for one source of lines.</summary>
    public LineWindow Open(int places)
    {
        var window = new LineWindow(places);
        all.TryAdd(window, true);
        return window;
    }

    /// <summary>A source of lines is no more, and its lines are in vain.</summary>
    public void Close(LineWindow window) => all.TryRemove(window, out _);

    /// <summary>
    /// Waits until no line is on its way, not longer than the bound, and returns whether it came to that. Nothing can
    /// be sent afterwards.
    /// </summary>
    public async Task<bool> DrainAsync(TimeSpan bound, IScheduler scheduler, CancellationToken giveUp)
    {
        try
        {
            return await Task.WhenAll(all.Keys.Select(x => x.DrainAsync(giveUp)))
                .ToObservable()
                .Select(_ => true)
                .TakeUntil(Observable.Timer(bound, scheduler))
                .DefaultIfEmpty()
                .ToTask(CancellationToken.None)
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // How many are left is what matters, and is asked afterwards.
            return false;
        }
    }
}
