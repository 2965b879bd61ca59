using System.Globalization;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using NATS.Client.JetStream;

namespace Rx.IotLink.Nats.Received;

/// <summary>
/// One line while this process has it. The servers give it to another one if they hear nothing for the time of the
/// lease: so they hear of it three times in that time.
/// </summary>
internal sealed class Turn : IDisposable
{
    private static readonly AckOpts Answered = new() { DoubleAck = true };

    private readonly INatsJSMsg<byte[]> message;
    private readonly FleetConsumerOptions options;
    private readonly IStopwatch clock;
    private readonly CancellationTokenSource ending;
    private readonly IDisposable renewing;

    // Ticks of the clock until which the line is this process's.
    private long until;

    public Turn(INatsJSMsg<byte[]> message, FleetConsumerOptions options, CancellationToken ending)
    {
        (this.message, this.options, this.ending) = (message, options, CancellationTokenSource.CreateLinkedTokenSource(ending));
        clock = options.Scheduler.StartStopwatch();
        until = options.Lease.Ticks;
        Sequence = message.Metadata?.Sequence.Stream ?? 0;
        Attempt = message.Metadata?.NumDelivered ?? 1;
        renewing = Observable.Interval(options.Lease / 3, options.Scheduler).Subscribe(_ => Renew());
    }

    /// <summary>Its place in the stream.</summary>
    public ulong Sequence { get; }

    /// <summary>How often it was given to a process, from 1.</summary>
    public ulong Attempt { get; }

    public INatsJSMsg<byte[]> Message => message;

    /// <summary>Cancelled when the consumer ends, or when another process may have the line.</summary>
    public CancellationToken Ending => ending.Token;

    private bool IsHeld => clock.Elapsed.Ticks < Volatile.Read(ref until);

    /// <summary>The line.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public FleetLine Read()
    {
        var (entry, text) = InboxEntry.Read(message.Data);
        var id = InboxStream.TryIdOf(message.Subject) ?? throw new InvalidDataException("its subject names no device");
        return new(id, entry.Line, text, message.Metadata?.Timestamp ?? default) { Entry = (long)Sequence, Attempt = (int)Math.Min(Attempt, int.MaxValue) };
    }

    /// <summary>
    /// Says that the line is done. What another process may have by now is not done here: its own answer counts.
    /// </summary>
    public async Task DoneAsync(TimeSpan pause)
    {
        while (IsHeld)
        {
            try
            {
                await message.AckAsync(Answered, CancellationToken.None).ConfigureAwait(false);
                return;
            }
            catch (Exception) when (IsHeld && !ending.IsCancellationRequested)
            {
                // A node may have died. Another one knows soon.
                await Waiting.ForAsync(pause, options.Scheduler, ending.Token).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Says that it is not to come again.</summary>
    public ValueTask EndAsync() => message.AckTerminateAsync(Answered, CancellationToken.None);

    /// <summary>Gives it back: it comes again after a time.</summary>
    public ValueTask GiveBackAsync(TimeSpan delay = default) => IsHeld ? message.NakAsync(new AckOpts { NakDelay = delay }, CancellationToken.None) : default;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"message {Sequence}");

    public void Dispose()
    {
        renewing.Dispose();
        ending.Dispose();
    }

    private void Renew()
    {
        if (IsHeld)
            _ = RenewAsync();
        else
            _ = CancelAsync();
    }

    /// <summary>
    /// What the handler has registered there may throw, and so does a turn that ends at this moment: nobody waits.
    /// </summary>
    private async Task CancelAsync() => await ending.CancelAsync().ConfigureAwait(false);

    private async Task RenewAsync()
    {
        var asked = clock.Elapsed;
        try
        {
            await message.AckProgressAsync(cancellationToken: CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // The servers are away. If they stay so, another process has the line in the end.
            return;
        }

        if (clock.Elapsed - asked < options.Lease)
            Volatile.Write(ref until, (asked + options.Lease).Ticks);
    }
}

/// <summary>Waits, on a clock.</summary>
internal static class Waiting
{
    /// <summary>Ends early, without an exception, when it is cancelled.</summary>
    public static async Task ForAsync(TimeSpan time, IScheduler scheduler, CancellationToken cancellationToken)
    {
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var timer = scheduler.Schedule(time, () => over.TrySetResult());
        using var cancelled = cancellationToken.Register(() => over.TrySetResult());
        await over.Task.ConfigureAwait(false);
    }
}
