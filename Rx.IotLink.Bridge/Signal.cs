using System.Reactive.Concurrency;
using System.Threading.Channels;

namespace Rx.IotLink.Bridge;

/// <summary>Wakes one waiting loop. Set twice before it is awaited, it wakes once.</summary>
internal sealed class Signal
{
    private readonly Channel<bool> channel = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Set() => channel.Writer.TryWrite(true);

    public async Task WaitAsync(CancellationToken cancellationToken) => await channel.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>Waits at most so long.</summary>
    public async Task WaitAsync(TimeSpan most, IScheduler scheduler, CancellationToken cancellationToken)
    {
        using var timer = scheduler.Schedule(most, Set);
        await WaitAsync(cancellationToken).ConfigureAwait(false);
    }
}
