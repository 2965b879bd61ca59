using System.Reactive.Concurrency;
using MQTTnet.Protocol;
using Rx.IotLink.Protocol;
using Rx.IotLink.Server;

namespace Rx.IotLink.Mqtt;

/// <summary>Writes messages to devices: those of one device in order, and devices side by side.</summary>
internal sealed class MessageWriter
{
    private const int MostTails = 1_000;

    private readonly IotLinkServer server;
    private readonly IFleet? fleet;
    private readonly MqttGatewayOptions options;
    private readonly Action<MqttNoticeKind, string> notify;
    private readonly CancellationToken over;
    private readonly IStopwatch clock;

    // The last message of each device; for the one who calls WriteAsync alone.
    private readonly Dictionary<string, Task> tails = new(StringComparer.Ordinal);
    private long written;
    private long refused;

    public MessageWriter(IotLinkServer server, IFleet? fleet, MqttGatewayOptions options, Action<MqttNoticeKind, string> notify, CancellationToken over)
    {
        (this.server, this.fleet, this.options, this.notify, this.over) = (server, fleet, options, notify, over);
        clock = options.Scheduler.StartStopwatch();
    }

    public int MaxLineBytes => server.MaxLineBytes;

    public long Written => Interlocked.Read(ref written);

    public long Refused => Interlocked.Read(ref refused);

    /// <summary>
    /// Writes a line behind the other ones of its device. Completes when it is in the outbox, and in the session store
    /// if there is one, or when it is refused. Not to be called by two at a time.
    /// </summary>
    /// <param name="id">The device.</param>
    /// <param name="line">A valid line.</param>
    /// <param name="expiry">How many seconds it may wait for its device; 0: any time.</param>
    /// <exception cref="IOException">The server has stopped.</exception>
    /// <exception cref="OperationCanceledException">The gateway has ended.</exception>
    public Task<MqttPubRecReasonCode> WriteAsync(string id, string line, uint expiry)
    {
        if (tails.Count > MostTails)
            Remove(static tail => tail.IsCompleted);
        var writing = WriteAsync(tails.GetValueOrDefault(id), id, line, expiry);
        tails[id] = writing;
        return writing;
    }

    /// <summary>
    /// The broker sends again what it has no acknowledgement of. Not to be called beside <see cref="WriteAsync(string,
    /// string, uint)"/>.
    /// </summary>
    public void Resume() => Remove(static tail => tail.IsFaulted || tail.IsCanceled);

    /// <summary>Counts and reports that a message is not written.</summary>
    public MqttPubRecReasonCode Refuse(string id, string why, MqttPubRecReasonCode reason)
    {
        Interlocked.Increment(ref refused);
        notify(MqttNoticeKind.MessageRefused, $"a message for '{Printable.Of(id)}' is refused: {why}");
        return reason;
    }

    private void Remove(Func<Task, bool> holds)
    {
        foreach (var id in tails.Where(tail => holds(tail.Value)).Select(tail => tail.Key).ToArray())
            tails.Remove(id);
    }

    private async Task<MqttPubRecReasonCode> WriteAsync(Task? before, string id, string line, uint expiry)
    {
        // Behind one that has failed none is written: the broker sends all of them again, in order.
        if (before is not null)
            await before.ConfigureAwait(false);
        for (var failures = 0; ; failures++)
        {
            try
            {
                await WriteOnceAsync(id, line, expiry).ConfigureAwait(false);
                Interlocked.Increment(ref written);
                return MqttPubRecReasonCode.Success;
            }
            catch (UnknownDeviceException unknown)
            {
                return Refuse(id, unknown.Message, MqttPubRecReasonCode.TopicNameInvalid);
            }
            catch (OutboxFullException full)
            {
                return Refuse(id, full.Message, MqttPubRecReasonCode.QuotaExceeded);
            }
            catch (WriteCancelledException cancelled) when (!over.IsCancellationRequested)
            {
                if (cancelled.WasSent)
                    return MqttPubRecReasonCode.Success;
                return Refuse(id, $"the outbox of the device has had no room for {options.RefuseAfter.TotalSeconds:0.###} s", MqttPubRecReasonCode.QuotaExceeded);
            }
            catch (Exception exception) when (exception is ArgumentException or InvalidLineException)
            {
                return Refuse(id, exception.Message.Split(" (Parameter", 2)[0], MqttPubRecReasonCode.PayloadFormatInvalid);
            }
            catch (SessionStoreException failed)
            {
                if (failures == 0)
                    notify(MqttNoticeKind.StoreFailed, $"a message for '{Printable.Of(id)}' waits: {failed.Message}");
                await PauseAsync(options.BackOff.Delay(Math.Min(failures, 30), Random.Shared.NextDouble())).ConfigureAwait(false);
            }
            catch (LinkClosedException) when (failures == 0)
            {
                // The device was forgotten meanwhile, or the server has stopped: opening the link reports it.
            }
        }
    }

    private async Task WriteOnceAsync(string id, string line, uint expiry)
    {
        var write = new WriteOptions
        {
            Until = server.KeepsSessions ? WrittenUntil.Stored : WrittenUntil.Accepted,
            TimeToLive = expiry == 0 ? null : TimeSpan.FromSeconds(Math.Min(expiry, TimeSpan.FromDays(3_650).TotalSeconds)),
        };
        if (fleet is not null)
        {
            await fleet.WriteAsync(id, line, write, over).ConfigureAwait(false);
            return;
        }

        var link = server.Find(id) ?? await OpenAsync(id).ConfigureAwait(false);
        if (server.KeepsSessions)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(over);
            using var timer = options.Scheduler.Schedule(options.RefuseAfter, limit.Cancel);
            await link.WriteAsync(line, write, limit.Token).ConfigureAwait(false);
            return;
        }

        // Without a store the outbox is in memory: there it is when this returns. The link reports what becomes of
        // it there.
        var accepting = link.WriteAsync(line, write, CancellationToken.None);
        if (accepting.IsFaulted)
            await accepting.ConfigureAwait(false);
        else
            _ = accepting.IgnoreAsync();
    }

    /// <summary>A device that has not come back yet after the start is given some time.</summary>
    private async Task<ILink> OpenAsync(string id)
    {
        try
        {
            return await server.OpenAsync(id, over).ConfigureAwait(false);
        }
        catch (UnknownDeviceException) when (clock.Elapsed < options.RefuseAfter)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(over);
            using var timer = options.Scheduler.Schedule(options.RefuseAfter - clock.Elapsed, limit.Cancel);
            try
            {
                return await server.WaitForAsync(id, limit.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!over.IsCancellationRequested)
            {
                throw new UnknownDeviceException(id, "no device of this id has connected, is expected, or has a key");
            }
        }
    }

    private async Task PauseAsync(TimeSpan time)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var cancelled = over.UnsafeRegister(_ => done.TrySetCanceled(over), null);
        using var timer = options.Scheduler.Schedule(time, () => done.TrySetResult());
        await done.Task.ConfigureAwait(false);
    }
}
