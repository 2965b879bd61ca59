using System.Globalization;
using System.Reactive.Concurrency;
using NATS.Client.JetStream;
using Rx.IotLink.Nats.Log;
using Rx.IotLink.Nats.Received;

namespace Rx.IotLink.Nats;

/// <summary>
/// One process of a consumer. It asks for the next line of each partition; the servers give it to one of those who ask,
/// and the one after that when it is done.
/// </summary>
internal sealed class NatsConsumer : IAsyncDisposable
{
    private static readonly TimeSpan Restarted = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    // The shortest that a server allows: a server that has forgotten the question is asked again soon.
    private static readonly NatsJSNextOpts Question = new() { Expires = TimeSpan.FromSeconds(1), IdleHeartbeat = TimeSpan.Zero };

    private readonly FleetConsumerOptions options;
    private readonly InboxStream inbox;
    private readonly StoreFaults faults;
    private readonly Func<Func<Task>, Task> use;
    private readonly Func<FleetLine, CancellationToken, Task> handler;
    private readonly bool isObserver;
    private readonly FleetConsumerSignals signals;
    private readonly SemaphoreSlim places;
    private readonly CancellationTokenSource ending = new();

    // How many partitions wait for the servers.
    private int failing;

    public NatsConsumer(
        string name, FleetConsumerOptions options, InboxStream inbox, StoreFaults faults, Func<Func<Task>, Task> use,
        Func<FleetLine, CancellationToken, Task> handler, bool isObserver)
    {
        Name = name;
        (this.options, this.inbox, this.faults, this.use, this.handler, this.isObserver) = (options, inbox, faults, use, handler, isObserver);
        signals = new(options.Scheduler);
        places = new(options.MaxConcurrent);
        Handle = new(name, signals.Notices, DisposeAsync);
        Ended = Task.WhenAll(Enumerable.Range(0, InboxStream.Partitions).Select(partition => Task.Run(() => RunAsync(new(partition)), CancellationToken.None)));
    }

    public string Name { get; }

    /// <summary>What the application has of it.</summary>
    public FleetConsumer Handle { get; }

    /// <summary>Completes when it has ended, and others may take over.</summary>
    public Task Ended { get; }

    /// <summary>Begins no further line.</summary>
    public void End() => ending.Cancel();

    public async ValueTask DisposeAsync()
    {
        End();
        await Ended.ConfigureAwait(false);
    }

    private async Task RunAsync(Partition its)
    {
        while (!ending.IsCancellationRequested)
        {
            try
            {
                await AskAsync(its).ConfigureAwait(false);
                if (its.Failures > 0 && Interlocked.Decrement(ref failing) == 0)
                    signals.Notify(new(LinkNoticeKind.StoreWorks, $"the consumer '{Name}' goes on: the servers work again"));
                its.Failures = 0;
            }
            catch (Exception e) when (e is ObserverThrewException or ObjectDisposedException)
            {
                End();
            }
            catch (Exception e)
            {
                if (its.Failures++ == 0 && Interlocked.Increment(ref failing) == 1)
                    signals.Notify(new(LinkNoticeKind.StoreFailed, $"the consumer '{Name}' waits: {(faults.Of(e) ?? e as SessionStoreException)?.Message ?? FleetConsumer.Said(e)}", e));
                // It may be gone.
                its.Consumer = null;
                await Waiting.ForAsync(options.BackOff.Delay(Math.Min(its.Failures - 1, 10), Random.Shared.NextDouble()), options.Scheduler, ending.Token).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Asks for the next line of a partition, and handles it.</summary>
    private async Task AskAsync(Partition its)
    {
        await use(async () =>
        {
            if (its.Consumer is not null)
                return;
            await inbox.PrepareAsync().ConfigureAwait(false);
            var consumer = await inbox.ConsumerAsync(Name, its.Number, options).ConfigureAwait(false);
            // One that was forgotten and made anew has its lines before it again. A server that is started again says
            // a time that is a little other.
            if ((its.Created - consumer.Info.Created).Duration() > Restarted)
                its.Done = 0;
            its.Created = consumer.Info.Created;
            its.Consumer = consumer;
        }).ConfigureAwait(false);
        var clock = options.Scheduler.StartStopwatch();
        // Not cancelled: a line that is on its way here would wait for its lease.
        if (await its.Consumer!.NextAsync<byte[]>(opts: Question, cancellationToken: CancellationToken.None).ConfigureAwait(false) is { } message)
            await HandleAsync(its, message).ConfigureAwait(false);
        else if (clock.Elapsed < Question.Expires / 2)
            // Nobody answers for this consumer at this moment, such as while a node has died.
            await Waiting.ForAsync(options.Poll, options.Scheduler, ending.Token).ConfigureAwait(false);
    }

    private async Task HandleAsync(Partition its, INatsJSMsg<byte[]> message)
    {
        using var turn = new Turn(message, options, ending.Token);
        if (turn.Sequence == its.Done && turn.Attempt > 1)
        {
            // It was handled here, and the servers do not know.
            await turn.DoneAsync(options.Poll).ConfigureAwait(false);
            return;
        }

        try
        {
            await places.WaitAsync(turn.Ending).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await turn.GiveBackAsync().ConfigureAwait(false);
            return;
        }

        Exception? error;
        FleetLine? line = null;
        try
        {
            error = turn.Ending.IsCancellationRequested ? new OperationCanceledException() : await TryAsync(() => CallAsync(line = turn.Read(), turn.Ending)).ConfigureAwait(false);
        }
        finally
        {
            places.Release();
        }

        if (error is null)
        {
            its.Done = turn.Sequence;
            await turn.DoneAsync(options.Poll).ConfigureAwait(false);
        }
        else if (error is ObserverThrewException || turn.Ending.IsCancellationRequested)
        {
            await turn.GiveBackAsync().ConfigureAwait(false);
            if (error is ObserverThrewException)
                throw error;
        }
        else
        {
            await FailAsync(turn, line, error).ConfigureAwait(false);
        }
    }

    private async Task FailAsync(Turn turn, FleetLine? line, Exception e)
    {
        // What is no line never becomes one.
        var isDead = line is null || (long)turn.Attempt >= options.MaxAttempts;
        var said = FleetConsumer.Said(e);
        var attempt = turn.Attempt.ToString(CultureInfo.InvariantCulture);
        signals.Notify(new(
            LinkNoticeKind.HandlerFailed, $"the consumer '{Name}' failed at {(line is null ? turn : $"line {line}")}, attempt {attempt}{(isDead ? "; it is a dead letter now" : "")}: {said}", e));
        if (isDead)
        {
            await inbox.BuryAsync(Name, turn, line, said).ConfigureAwait(false);
            await turn.EndAsync().ConfigureAwait(false);
        }
        else
        {
            await turn.GiveBackAsync(options.BackOff.Delay((int)Math.Min(turn.Attempt - 1, 1_000), Random.Shared.NextDouble())).ConfigureAwait(false);
        }
    }

    private async Task CallAsync(FleetLine line, CancellationToken its)
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(its);
        var handling = HandleAsync(line, cancel.Token);
        if (isObserver || await EndsAsync(handling, options.HandlerTimeout).ConfigureAwait(false))
        {
            await handling.ConfigureAwait(false);
            return;
        }

        await cancel.CancelAsync().ConfigureAwait(false);
        // What it still does cannot be stopped.
        _ = await EndsAsync(handling, Grace).ConfigureAwait(false);
        _ = TryAsync(() => handling);
        throw new HandlerTimeoutException(options.HandlerTimeout);
    }

    private async Task HandleAsync(FleetLine line, CancellationToken cancel)
    {
        // Not on this thread: a handler may block.
        await Task.Yield();
        await (handler(line, cancel) ?? throw new InvalidOperationException("The handler returned no task.")).ConfigureAwait(false);
    }

    private async Task<bool> EndsAsync(Task handling, TimeSpan limit)
    {
        var late = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var timer = options.Scheduler.Schedule(limit, () => late.TrySetResult());
        return await Task.WhenAny(handling, late.Task).ConfigureAwait(false) == handling;
    }

    private static async Task<Exception?> TryAsync(Func<Task> work)
    {
        try
        {
            await work().ConfigureAwait(false);
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }

    /// <summary>One partition, for its loop alone.</summary>
    private sealed class Partition(int number)
    {
        public int Number => number;

        /// <summary>The consumer that the servers have; null: it is to be asked for.</summary>
        public INatsJSConsumer? Consumer { get; set; }

        /// <summary>When that was made.</summary>
        public DateTimeOffset Created { get; set; }

        /// <summary>The last line that was handled here.</summary>
        public ulong Done { get; set; }

        public int Failures { get; set; }
    }
}
