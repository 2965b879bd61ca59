using System.Diagnostics.CodeAnalysis;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;

namespace Rx.IotLink;

/// <summary>
/// Processes the lines of one link: one handler at a time, in order. Handlers run on threads of the link's own, so that
/// one that blocks holds up its own device only.
/// </summary>
internal sealed class LineProcessor : IObserver<ReceivedLine>, IDisposable
{
    private readonly Lock gate = new();
    private readonly ILink link;
    private readonly Func<ReceivedLine, CancellationToken, Task> handler;
    private readonly ProcessOptions options;
    private readonly HandlerSlots slots;
    private readonly IScheduler clock;
    private readonly IScheduler threads;
    private readonly Random random;
    private readonly SingleAssignmentDisposable subscription = new();
    private readonly SerialDisposable retry = new();

    // Guarded by the lock. No more lines wait than the inbox has room for.
    private readonly Queue<ReceivedLine> lines = new();
    private bool busy;
    private bool over;
    private Attempt? running;

    // Of the oldest line; changed by its attempts only, one after the other.
    private int attempts;
    private int failures;
    private Exception? error;

    private LineProcessor(ILink link, Func<ReceivedLine, CancellationToken, Task> handler, ProcessOptions options, HandlerSlots slots)
    {
        (this.link, this.handler, this.options, this.slots) = (link, handler, options, slots);
        var own = (link as IOwnLink)?.Options;
        (clock, threads) = (link.Clock(), own?.ObserversOfOne() ?? link.Clock());
        random = own?.Seed is { } seed ? new(seed) : Random.Shared;
    }

    /// <summary>Called once, when the link has ended.</summary>
    public Action? Ended { get; init; }

    public static LineProcessor Start(
        ILink link, Func<ReceivedLine, CancellationToken, Task> handler, ProcessOptions options, HandlerSlots slots, Action? ended = null)
    {
        var processor = new LineProcessor(link, handler, options, slots) { Ended = ended };
        processor.subscription.Disposable = link.Received.Subscribe(processor);
        return processor;
    }

    public void OnNext(ReceivedLine value)
    {
        lock (gate)
        {
            if (over)
                return;
            lines.Enqueue(value);
            if (busy)
                return;
            busy = true;
        }

        slots.Start(this);
    }

    public void OnCompleted()
    {
        Dispose();
        Ended?.Invoke();
    }

    public void OnError(Exception error) => OnCompleted();

    public void Dispose()
    {
        Attempt? cancelled;
        lock (gate)
        {
            if (over)
                return;
            (over, cancelled) = (true, running);
            lines.Clear();
        }

        subscription.Dispose();
        retry.Dispose();
        cancelled?.Cancel();
    }

    /// <summary>There is a slot for the oldest line. False: it is not needed any more.</summary>
    public bool TryStart()
    {
        Attempt attempt;
        lock (gate)
        {
            if (over)
                return false;
            attempt = running = new Attempt(this, lines.Peek());
        }

        threads.Schedule(attempt.Run);
        return true;
    }

    private Task Call(ReceivedLine line, CancellationToken cancellationToken)
    {
        try
        {
            var task = options.DeadLetters is { } deadLetters && failures >= options.MaxAttempts
                ? deadLetters(new(line, failures, error!), cancellationToken)
                : handler(line, cancellationToken);
            return task ?? throw new InvalidOperationException("The handler returned no task.");
        }
        catch (Exception exception)
        {
            return Task.FromException(exception);
        }
    }

    private void Succeeded(ReceivedLine line)
    {
        (attempts, failures, error) = (0, 0, null);
        line.Accept();
        lock (gate)
        {
            running = null;
            if (over)
                return;
            lines.Dequeue();
            busy = lines.Count > 0;
            if (!busy)
                return;
        }

        slots.Start(this);
    }

    private void Failed(ReceivedLine line, Exception exception)
    {
        lock (gate)
        {
            running = null;
            if (over)
                return;
        }

        if (failures < options.MaxAttempts)
            (failures, error) = (failures + 1, exception);
        Notify($"a handler failed at line {line.Line}, attempt {attempts + 1}: {Described(exception)}", exception);
        // The first attempt of the dead letters comes at once.
        var delay = options.DeadLetters is not null && attempts + 1 == options.MaxAttempts
            ? TimeSpan.Zero
            : options.BackOff.Delay(attempts, random.NextDouble());
        attempts++;
        retry.Disposable = clock.Schedule(delay, () => slots.Start(this));
    }

    private void Notify(string detail, Exception exception) => (link as IOwnLink)?.Notify(new(LinkNoticeKind.HandlerFailed, detail, exception));

    /// <summary>An exception of the application's: even its message may throw.</summary>
    private static string Described(Exception exception)
    {
        try
        {
            return $"{exception.GetType().Name}: {exception.Message}";
        }
        catch (Exception)
        {
            return exception.GetType().Name;
        }
    }

    /// <summary>One run of a handler.</summary>
    [SuppressMessage("Design", "CA1001", Justification = "The source has no timer and no wait handle, and a handler may keep its token.")]
    private sealed class Attempt(LineProcessor processor, ReceivedLine line)
    {
        private readonly CancellationTokenSource cancellation = new();
        private int released;

        public void Run()
        {
            var timeout = processor.clock.Schedule(processor.options.HandlerTimeout, TimedOut);
            _ = processor.Call(line, cancellation.Token).ContinueWith(
                // Not on the thread that ended the task: that may be anybody's.
                task => processor.threads.Schedule(() => HasEnded(task, timeout)),
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }

        /// <summary>What the application has registered runs: it may block and throw.</summary>
        public void Cancel() => processor.threads.Schedule(() =>
        {
            try
            {
                cancellation.Cancel();
            }
            catch (AggregateException exception)
            {
                processor.Notify($"a handler failed when it was cancelled: {Described(exception)}", exception);
            }
        });

        private void HasEnded(Task task, IDisposable timeout)
        {
            timeout.Dispose();
            if (task.IsCompletedSuccessfully)
                processor.Succeeded(line);
            else
                processor.Failed(line, task.Exception?.InnerException ?? new OperationCanceledException("The handler was cancelled."));
            Release();
        }

        private void TimedOut()
        {
            var late = new TimeoutException($"It has not ended for {processor.options.HandlerTimeout.TotalSeconds:0.###} s.");
            processor.Notify($"a handler was cancelled at line {line.Line}; its device waits until it ends: {late.Message}", late);
            Cancel();
            Release();
        }

        private void Release()
        {
            if (Interlocked.Exchange(ref released, 1) == 0)
                processor.slots.Release();
        }
    }
}
