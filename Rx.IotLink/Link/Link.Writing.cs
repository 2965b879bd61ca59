using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Text;
using Rx.IotLink.Engine;
using Rx.IotLink.Protocol;
using Rx.IotLink.Time;

namespace Rx.IotLink;

/// <summary>The part of a link that takes the application's writes.</summary>
internal sealed partial class Link
{

    public Task WriteAsync(string line, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Ordered, CancellationToken cancellationToken = default)
    {
        return IsWatched ? WatchAsync(line, delivery, ordering, cancellationToken) : WriteUnwatchedAsync(line, delivery, ordering, cancellationToken);
    }

    private Task WriteUnwatchedAsync(string line, Delivery delivery, Ordering ordering, CancellationToken cancellationToken)
    {
        if (cancellationToken.CanBeCanceled)
            return WriteCancellableAsync(line, delivery, ordering, cancellationToken);
        try
        {
            // The task itself, without a second task around it.
            var write = new TaskWrite(line, Check(line), delivery, ordering, options.Continuations, GoesOnHere(delivery));
            Take(write);
            return write.Task;
        }
        catch (Exception exception)
        {
            return Task.FromException(exception);
        }
    }

    public async Task WriteAsync(string line, WriteOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if (IsWatched && options.Until == WrittenUntil.Accepted)
            await WatchAsync(line, options, cancellationToken).ConfigureAwait(false);
        else
            await WriteUnwatchedAsync(line, options, cancellationToken).ConfigureAwait(false);
    }

    private async Task WriteUnwatchedAsync(string line, WriteOptions options, CancellationToken cancellationToken)
    {
        if (options is { Until: WrittenUntil.Accepted, TimeToLive: null, Key: null })
        {
            await WriteUnwatchedAsync(line, options.Delivery, options.Ordering, cancellationToken).ConfigureAwait(false);
            return;
        }

        if (options.Until == WrittenUntil.Accepted && cancellationToken.IsCancellationRequested)
            throw new WriteCancelledException(Id, wasSent: false, cancellationToken);
        var write = new LimitedWrite(line, Check(line), options, this.options.Continuations);
        Take(write);
        if (options.Until == WrittenUntil.Stored)
            await write.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        else
            await WaitCancellableAsync(write, cancellationToken).ConfigureAwait(false);
    }

    public ValueTask WriteUtf8Async(ReadOnlyMemory<byte> utf8, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Ordered, CancellationToken cancellationToken = default) => IsWatched
        ? new(WatchAsync(utf8, delivery, ordering, cancellationToken))
        : WriteUtf8UnwatchedAsync(utf8, delivery, ordering, cancellationToken);

    private ValueTask WriteUtf8UnwatchedAsync(ReadOnlyMemory<byte> utf8, Delivery delivery, Ordering ordering, CancellationToken cancellationToken)
    {
        try
        {
            LineText.Check(utf8.Span, options.MaxLineBytes);
            ThrowIfFaulty(utf8.Length, nameof(utf8));
            if (cancellationToken.CanBeCanceled)
                return new(WriteCancellableAsync(Encoding.UTF8.GetString(utf8.Span), delivery, ordering, cancellationToken));
            var write = Utf8Write.Rent(utf8.Span, delivery, ordering, options.Continuations, GoesOnHere(delivery));
            Take(write);
            return write.Task;
        }
        catch (Exception exception)
        {
            return ValueTask.FromException(exception);
        }
    }

    private async Task WriteCancellableAsync(string line, Delivery delivery, Ordering ordering, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            throw new WriteCancelledException(Id, wasSent: false, cancellationToken);
        var write = new TaskWrite(line, Check(line), delivery, ordering, options.Continuations);
        Take(write);
        await WaitCancellableAsync(write, cancellationToken).ConfigureAwait(false);
    }

    private async Task WaitCancellableAsync(TaskWrite write, CancellationToken cancellationToken)
    {
        using var registration = cancellationToken.UnsafeRegister((_, cancelled) =>
        {
            // If the write has already ended, its result stays.
            if (TakeBack(write) is { } wasSent)
                write.Cancel(new WriteCancelledException(Id, wasSent, cancelled));
        }, state: null);
        await write.Task.ConfigureAwait(false);
    }

    public IObservable<Unit> Write(string line, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Ordered) =>
        Write(line, delivery, ordering, left: null);

    IObservable<Unit> IOwnLink.Write(string line, Action<bool> left) => Write(line, Delivery.ExactlyOnce, Ordering.Ordered, left);

    private IObservable<Unit> Write(string line, Delivery delivery, Ordering ordering, Action<bool>? left)
    {
        var bytes = Check(line);
        return Observable.Create<Unit>(observer =>
        {
            var watch = IsWatched ? Watch(bytes, delivery, observer) : null;
            var write = new ObservedWrite(line, bytes, delivery, ordering, watch ?? observer, observers, this);
            try
            {
                Take(write);
            }
            catch (Exception exception)
            {
                watch?.Failed(exception);
                throw;
            }

            return Disposable.Create((Link: this, write, left, watch), static s =>
            {
                var wasSent = s.Link.TakeBack(s.write) ?? true;
                s.watch?.Left();
                s.left?.Invoke(wasSent);
            });
        });
    }

    public Task DrainAsync(CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            if (engine.Unfinished == 0)
                return Task.CompletedTask;
        }

        var drains = Waiters.Drains;
        var drain = drains.Make(cancellationToken);
        lock (gate)
        {
            drains.Add(drain);
            // Perhaps all lines are complete by now.
            if (engine.Unfinished == 0)
                TellLater(drains, state.IsFinal ? WhyEnded(state) : null);
        }

        TellWaiters();
        return drain.Task;
    }

    /// <summary>
    /// Called before the end. Waits until the outbox is empty, and then for an observer that is handling a line, so
    /// that this line is accepted and a later process does not get it again. Hands out no line after that one. Has a
    /// time limit; never fails.
    /// </summary>
    public async Task DrainWithinAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        if (limit == TimeSpan.Zero)
            return;
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var timer = options.Scheduler.Schedule(limit, ending.Cancel);
        try
        {
            // In this order: if the peer's observer waits until we accept its line, the peer accepts none of ours
            // before.
            await DrainAsync(ending.Token).ConfigureAwait(false);
            await StandStillAsync(ending.Token).ConfigureAwait(false);
            // Lines that this observer has written.
            await DrainAsync(ending.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
        {
            // Writes that are left fail when the link closes.
        }
    }

    private Task StandStillAsync(CancellationToken cancellationToken)
    {
        lock (gate)
        {
            inbox.Pause();
            if (state.IsFinal || !inbox.IsHandingOut)
                return Task.CompletedTask;
        }

        var standStills = Waiters.StandStills;
        var standStill = standStills.Make(cancellationToken);
        lock (gate)
        {
            standStills.Add(standStill);
            if (!inbox.IsHandingOut)
                TellLater(standStills, error: null);
        }

        TellWaiters();
        return standStill.Task;
    }

    /// <summary>
    /// Checks a line against the general rules and the known rules of the peer; gives its length in bytes.
    /// </summary>
    private int Check(string line)
    {
        var bytes = LineText.Check(line, options.MaxLineBytes);
        ThrowIfFaulty(bytes, nameof(line));
        return bytes;
    }

    private void ThrowIfFaulty(int bytes, string name)
    {
        if (engine.Fault(bytes) is { } fault)
            throw new ArgumentException($"A line {fault}.", name);
    }

    /// <summary>
    /// Whether the writer of such a line may go on on the thread that has read its acknowledgement. A best-effort line
    /// completes on a thread that has other work.
    /// </summary>
    private bool GoesOnHere(Delivery delivery) => mayLeaveSends && delivery == Delivery.ExactlyOnce;

    private void Take(PendingWrite line)
    {
        var timeOfDay = journal is null ? default : options.Scheduler.Now;
        Work work;
        lock (gate)
        {
            if (line.Delivery == Delivery.ExactlyOnce && !state.IsFinal && journal is { IsFull: true })
                throw WhyNot(Rejection.OutboxFull);
            var lent = Loan.TimeOn(served, deadlines);
            Step(Input.Wrote(Moment(lent ?? Now), line, mayLeaveSends, moreFollow: lent is not null, timeOfDay), out work);
        }

        var rejection = work.Effects.Rejection;
        Perform(ref work);
        if (rejection != Rejection.None)
            throw WhyNot(rejection);
    }

    private Exception WhyNot(Rejection rejection) => rejection switch
    {
        Rejection.LinkEnded => WhyEnded(state),
        Rejection.OutboxLines => new OutboxFullException(Id, nameof(LinkOptions.OutboxLines), options.OutboxLines),
        Rejection.StoredLines => new OutboxFullException(Id, nameof(LinkOptions.StoredLines), options.StoredLines),
        Rejection.StoredBytes => new OutboxFullException(Id, nameof(LinkOptions.StoredBytes), options.StoredBytes, "bytes"),
        Rejection.NoStore => new InvalidOperationException(
            $"A line of link '{Id}' cannot be stored: the link has no {nameof(IotLinkClientOptions.SessionStore)}, or the line is best effort, which is not kept."),
        _ => new OutboxFullException(Id, $"{nameof(LinkOptions.OutboxLines)} + {nameof(LinkOptions.MaxWaitingWrites)}", options.OutboxLines + options.MaxWaitingWrites),
    };

    /// <summary>
    /// Takes a line back if it was not sent yet. Gives whether it was sent, or may have been; null: it is complete
    /// already.
    /// </summary>
    private bool? TakeBack(PendingWrite line)
    {
        Work work;
        lock (gate)
            Step(Input.TookBack(Moment(), line), out work);
        var wasSent = work.Effects.WasSent;
        Perform(ref work);
        return wasSent;
    }

    private sealed class LinkWriter(Link link) : IObserver<string>
    {
        public void OnNext(string value) => link.Take(new UnobservedWrite(value, link.Check(value)));

        public void OnError(Exception error) =>
            link.Notify(new LinkNotice(LinkNoticeKind.SourceFailed, $"a source of the writer failed with {error.GetType().Name}: {error.Message}", error));

        public void OnCompleted()
        {
        }
    }
}
