using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Rx.IotLink.Mqtt.Broker;
using Rx.IotLink.Server;

namespace Rx.IotLink.Mqtt;

/// <summary>
/// Joins the fleet of a server to an MQTT 5 broker: lines of devices are messages of <c>iotlink/ID/up</c>, messages of
/// <c>iotlink/ID/down</c> are lines to devices, and <c>iotlink/ID/state</c> says whether a device is up.
/// </summary>
/// <remarks>
/// <para>
/// A line is acknowledged to its device only when the broker has it. While the broker is away, lines wait at their
/// devices. Lines of one device are published in order, one at a time, with QoS 2 if the broker has it; devices do not
/// wait for each other. Each message has the name of its line (<see cref="LineId"/>) as the user properties
/// <c>epoch</c> and <c>number</c>. A line comes twice only if this process is killed, or the broker loses its memory,
/// while the line is under way: then with the same name.
/// </para>
/// <para>
/// A message for a device is acknowledged to the broker when it is in the outbox of the device: with a session store
/// when it is kept there. docs/mqtt.md has the topics, and what can be lost.
/// </para>
/// <para>
/// With <see cref="MqttGatewayOptions.Consumer"/> servers that share a fleet share the broker, too: each has a gateway,
/// each line is published by one of them, and one of them at a time takes the messages for devices and publishes their
/// states. If that one dies, is stopped or is cut off, another one does.
/// </para>
/// </remarks>
public sealed class MqttGateway : IAsyncDisposable
{
    private const int NoticesKept = 256;

    private readonly MqttGatewayOptions options;
    private readonly Broadcast<MqttNotice> notices;
    private readonly Uplink up;
    private readonly MessageWriter writer;
    private readonly BrokerClient upClient;
    private readonly BrokerClient downClient;
    private readonly CancellationTokenSource endingUp = new();
    private readonly CancellationTokenSource endingDown = new();
    private readonly Turn? turn;
    private readonly Downlink down;
    private readonly FleetConsumer? consumer;
    private readonly IDisposable? processing;
    private readonly SerialDisposable observing = new();
    private readonly Task running;
    private int isOver;

    private MqttGateway(IotLinkServer server, MqttGatewayOptions options)
    {
        this.options = options;
        notices = new(options.Scheduler, Replay.Latest, NoticesKept, nameof(Notices), faults: null);
        var topics = new Topics(options.Prefix);
        var shared = options.Consumer is { } name ? server.Share(name) : null;
        turn = shared is null ? null : new(shared.Node, options.Scheduler);
        var ofServer = new DevicesOfServer(server);
        var ofFleet = shared is null ? null : new DevicesOfFleet(shared.Fleet, options);
        up = new(ofFleet is null ? ofServer : ofFleet, options, topics, turn, () => _ = down!.ContradictAsync().IgnoreAsync(), Notify);
        writer = new(server, shared?.Fleet, options, Notify, endingDown.Token);
        down = new(options, topics, writer, turn, holds => Hold(ofFleet!, holds));
        upClient = new(options, up, Notify);
        downClient = new(options, down, Notify);
        // A handler lasts until the broker has the line: it cannot be taken back.
        var limit = TimeSpan.FromDays(1);
        if (shared is null)
        {
            up.States.Begin();
            observing.Disposable = ofServer.Observe(up.States);
            processing = server.Process((line, _) => up.PublishAsync(line), new() { MaxConcurrent = options.MaxInFlight, HandlerTimeout = limit });
        }
        else
        {
            consumer = shared.Process(options.Consumer!, (line, _) => up.PublishAsync(line), new() { HandlerTimeout = limit, Scheduler = options.Scheduler });
            consumer.Notices.Subscribe(notice => Notify(KindOf(notice.Kind), notice.Detail));
        }

        running = Task.Run(() => Task.WhenAll(upClient.RunAsync(endingUp.Token), downClient.RunAsync(endingDown.Token)), CancellationToken.None);
    }

    /// <summary>
    /// What operators should know: the last notice first, if there was one, then each. An observer that falls behind by
    /// more than 256 notices misses the oldest of them.
    /// </summary>
    public IObservable<MqttNotice> Notices => notices;

    /// <summary>Counts since the start, as a snapshot.</summary>
    public MqttCounters Counters
    {
        get
        {
            var (published, again, anew, refused, waiting) = up.Outgoing.Counters;
            return new()
            {
                IsConnected = upClient.IsUp,
                Connections = upClient.Connections + downClient.Connections,
                Published = published,
                PublishedAgain = again,
                PublishedAnew = anew,
                PublishRefused = refused,
                Dropped = up.Dropped,
                Written = writer.Written,
                MessagesRefused = writer.Refused,
                Waiting = waiting,
            };
        }
    }

    /// <summary>
    /// Starts a gateway. It connects, and connects again, by itself: a broker that is away at the start is no error.
    /// Dispose of it before the server stops.
    /// </summary>
    /// <param name="server">The fleet.</param>
    /// <param name="options">Which broker, and how.</param>
    /// <exception cref="ArgumentException">
    /// An option is out of range; the message names it. Or there is a <see cref="MqttGatewayOptions.Consumer"/>, and
    /// the session store of the server has no fleet that servers share, or does not keep received lines for it.
    /// </exception>
    public static MqttGateway Start(IotLinkServer server, MqttGatewayOptions options)
    {
        ArgumentNullException.ThrowIfNull(server);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return new(server, options);
    }

    /// <summary>
    /// Takes no further line, waits up to <see cref="MqttGatewayOptions.DrainTimeout"/> until the broker has those that
    /// are under way, publishes that the gateway is down, and disconnects. The broker keeps later messages for the next
    /// process.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref isOver, 1) != 0)
        {
            await running.ConfigureAwait(false);
            return;
        }

        processing?.Dispose();
        var consumed = consumer?.DisposeAsync().AsTask() ?? Task.CompletedTask;
        observing.Dispose();
        up.States.End();
        await down.ResignAsync().IgnoreAsync().ConfigureAwait(false);
        await endingDown.CancelAsync().ConfigureAwait(false);
        if (upClient.IsUp)
            await WithinAsync(Task.WhenAll(up.EndAsync(), up.Outgoing.EmptyAsync())).ConfigureAwait(false);
        await endingUp.CancelAsync().ConfigureAwait(false);
        up.Outgoing.End();
        await running.ConfigureAwait(false);
        // Published may block.
        await WithinAsync(consumed).ConfigureAwait(false);
        turn?.Dispose();
        notices.End();
        notices.Publish();
        endingUp.Dispose();
        endingDown.Dispose();
    }

    private static MqttNoticeKind KindOf(LinkNoticeKind kind) => kind switch
    {
        LinkNoticeKind.StoreFailed => MqttNoticeKind.StoreFailed,
        LinkNoticeKind.StoreWorks => MqttNoticeKind.StoreWorks,
        _ => MqttNoticeKind.PublishRefused,
    };

    /// <summary>Whether this server publishes the states of the fleet.</summary>
    private void Hold(DevicesOfFleet devices, bool holds)
    {
        up.Hold(holds);
        observing.Disposable = holds ? devices.Observe(up.States, () => _ = up.FindStatesAsync().IgnoreAsync()) : null;
    }

    private async Task WithinAsync(Task task) => await task.ToObservable().Select(_ => true)
        .TakeUntil(Observable.Timer(options.DrainTimeout, options.Scheduler))
        .DefaultIfEmpty().ToTask(CancellationToken.None).ConfigureAwait(false);

    private void Notify(MqttNoticeKind kind, string detail)
    {
        notices.Post(new(kind, detail));
        notices.Publish();
    }
}
