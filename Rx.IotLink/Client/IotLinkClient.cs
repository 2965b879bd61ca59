using System.Reactive;

namespace Rx.IotLink;

/// <summary>The device's end of a link: connects, and connects again, for ever.</summary>
public sealed class IotLinkClient : ILink, IAsyncDisposable
{
    private IotLinkClient()
    {
    }

    /// <summary>Starts to connect, and returns at once: see <see cref="ILink.State"/> and <see cref="ILink.WaitUntilUpAsync"/>.</summary>
    /// <exception cref="ArgumentException">An option is out of range; the message names it.</exception>
    public static IotLinkClient Start(IotLinkClientOptions options) => throw new NotSupportedException();

    /// <inheritdoc/>
    public string Id => throw new NotSupportedException();

    /// <inheritdoc/>
    public IObservable<string> Lines => throw new NotSupportedException();

    /// <inheritdoc/>
    public IObserver<string> Writer => throw new NotSupportedException();

    /// <inheritdoc/>
    public IObservable<LinkState> State => throw new NotSupportedException();

    /// <inheritdoc/>
    public IObservable<Unit> Heartbeat => throw new NotSupportedException();

    /// <inheritdoc/>
    public IObservable<LinkNotice> Notices => throw new NotSupportedException();

    /// <inheritdoc/>
    public LinkCounters Counters => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task WriteAsync(string line, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Ordered, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    /// <inheritdoc/>
    public IObservable<Unit> Write(string line, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Ordered) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task<string> ReadLineAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

    /// <inheritdoc/>
    public IAsyncEnumerable<string> ReadLinesAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task WaitUntilUpAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

    /// <inheritdoc/>
    public Task DrainAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

    /// <summary>Waits up to the drain timeout until all written lines are accepted, then closes the link.</summary>
    public Task CloseAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

    /// <summary><see cref="CloseAsync"/>.</summary>
    public ValueTask DisposeAsync() => throw new NotSupportedException();
}
