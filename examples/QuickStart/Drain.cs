using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Rx.IotLink;

namespace QuickStart;

/// <summary>The end of a run.</summary>
internal static class Drain
{
    /// <summary>
    /// Waits until the writers have written all and every link has delivered it; says so if that takes too long.
    /// </summary>
    public static async Task WaitAsync(IEnumerable<Task> writers, IEnumerable<ILink> links, IScheduler scheduler)
    {
        try
        {
            await DrainAsync().ToObservable().Timeout(Demo.DrainTimeout, scheduler);
        }
        catch (TimeoutException)
        {
            Console.WriteLine($"Not everything was delivered {Demo.DrainTimeout.TotalSeconds} s after the last fault.");
        }
        catch (Exception e) when (e is OutboxFullException or LinkClosedException)
        {
            // The sums will show which lines it cost.
            Console.WriteLine($"A writer gave up. {e.Message}");
        }

        async Task DrainAsync()
        {
            await Task.WhenAll(writers);
            await Task.WhenAll(links.Select(link => link.DrainAsync()));
        }
    }
}
