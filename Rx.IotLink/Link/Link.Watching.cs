using System.Reactive;
using System.Text;
using Rx.IotLink.Telemetry;

namespace Rx.IotLink;

/// <summary>
/// Writes while somebody listens to them: the time until each is accepted, and a span. While nobody listens, a write
/// costs one comparison for it.
/// </summary>
internal sealed partial class Link
{
    private bool IsWatched => telemetry?.WatchesWrites == true;

    private async Task WatchAsync(string line, Delivery delivery, Ordering ordering, CancellationToken cancellationToken)
    {
        var watched = Begin(line, delivery);
        try
        {
            await WriteUnwatchedAsync(line, delivery, ordering, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            watched.End(Now, exception);
            throw;
        }

        watched.End(Now, error: null);
    }

    private async Task WatchAsync(string line, WriteOptions options, CancellationToken cancellationToken)
    {
        var watched = Begin(line, options.Delivery);
        try
        {
            await WriteUnwatchedAsync(line, options, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            watched.End(Now, exception);
            throw;
        }

        watched.End(Now, error: null);
    }

    private async Task WatchAsync(ReadOnlyMemory<byte> utf8, Delivery delivery, Ordering ordering, CancellationToken cancellationToken)
    {
        var watched = new WatchedWrite(telemetry!, Id, delivery, utf8.Length, Now);
        try
        {
            await WriteUtf8UnwatchedAsync(utf8, delivery, ordering, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            watched.End(Now, exception);
            throw;
        }

        watched.End(Now, error: null);
    }

    private WatchedWrite Begin(string line, Delivery delivery) => new(telemetry!, Id, delivery, Encoding.UTF8.GetByteCount(line ?? ""), Now);

    private WatchingObserver Watch(int bytes, Delivery delivery, IObserver<Unit> observer) =>
        new(this, new WatchedWrite(telemetry!, Id, delivery, bytes, Now), observer);

    /// <summary>Ends the watch of a write before its observer gets the result.</summary>
    private sealed class WatchingObserver(Link link, WatchedWrite watched, IObserver<Unit> observer) : IObserver<Unit>
    {
        public void OnNext(Unit value)
        {
            watched.End(link.Now, error: null);
            observer.OnNext(value);
        }

        public void OnError(Exception error)
        {
            watched.End(link.Now, error);
            observer.OnError(error);
        }

        public void OnCompleted() => observer.OnCompleted();

        /// <summary>The line was not taken; its observer gets the exception in another way.</summary>
        public void Failed(Exception error) => watched.End(link.Now, error);

        /// <summary>The observer has unsubscribed.</summary>
        public void Left() => watched.End(link.Now, new OperationCanceledException());
    }
}
