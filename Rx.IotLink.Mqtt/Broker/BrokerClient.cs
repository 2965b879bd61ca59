using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;

namespace Rx.IotLink.Mqtt.Broker;

/// <summary>Connects to the broker again and again, until it is ended.</summary>
/// <param name="options">Which broker.</param>
/// <param name="user">What the connection is for.</param>
/// <param name="notify">Takes what operators should know.</param>
internal sealed class BrokerClient(MqttGatewayOptions options, IBrokerUser user, Action<MqttNoticeKind, string> notify)
{
    /// <summary>A connection that has lasted for so long was a good one: the delays begin again.</summary>
    private static readonly TimeSpan Good = TimeSpan.FromSeconds(10);

    private readonly IStopwatch clock = options.Scheduler.StartStopwatch();
    private long connections;
    private volatile bool isUp;

    public long Connections => Interlocked.Read(ref connections);

    public bool IsUp => isUp;

    /// <summary>Runs until the token is cancelled; never fails.</summary>
    public async Task RunAsync(CancellationToken ending)
    {
        var (failures, told) = (0, "");
        while (await IsReadyAsync(ending).ConfigureAwait(false))
        {
            var began = clock.Elapsed;
            var (wasUp, why) = await ConnectAsync(ending).ConfigureAwait(false);
            if (ending.IsCancellationRequested)
                return;
            if (wasUp && clock.Elapsed - began > Good)
                failures = 0;
            if (wasUp || why != told)
                notify(wasUp ? MqttNoticeKind.Disconnected : MqttNoticeKind.ConnectFailed, $"{user.Name}: {why}");
            told = wasUp ? "" : why;
            await WaitAsync(options.BackOff.Delay(Math.Min(failures++, 30), Random.Shared.NextDouble()), ending).ConfigureAwait(false);
        }
    }

    /// <summary>Waits until the next connection may be made. False: it has ended.</summary>
    private async Task<bool> IsReadyAsync(CancellationToken ending)
    {
        await user.ReadyAsync(ending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return !ending.IsCancellationRequested;
    }

    /// <summary>One connection, from its beginning to its end: whether it was up, and why it has ended.</summary>
    private async Task<(bool WasUp, string Why)> ConnectAsync(CancellationToken ending)
    {
        try
        {
            using var connection = await BrokerConnection.OpenAsync(options, user.Hello(), ending).ConfigureAwait(false);
            using var leaving = ending.UnsafeRegister(static c => _ = ((BrokerConnection)c!).LeaveAsync(), connection);
            await ServeAsync(connection).ConfigureAwait(false);
            return (true, "");
        }
        catch (Exception exception)
        {
            return (isUp, exception.Message);
        }
        finally
        {
            isUp = false;
            user.Lost();
        }
    }

    private async Task ServeAsync(BrokerConnection connection)
    {
        await user.BeginAsync(connection).ConfigureAwait(false);
        // Who reads that it is connected may publish messages at once, and they must find the subscription.
        while (!user.IsReady)
            await ReceiveAsync(connection).ConfigureAwait(false);
        Interlocked.Increment(ref connections);
        isUp = true;
        notify(MqttNoticeKind.Connected, $"{user.Name}: connected to {options.Host}:{options.PortOrDefault}");
        while (true)
            await ReceiveAsync(connection).ConfigureAwait(false);
    }

    private async Task ReceiveAsync(BrokerConnection connection) =>
        await user.ReceivedAsync(connection, await connection.ReceiveAsync().ConfigureAwait(false)).ConfigureAwait(false);

    private async Task WaitAsync(TimeSpan time, CancellationToken ending)
    {
        try
        {
            await Observable.Timer(time, options.Scheduler).ToTask(ending).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The loop looks.
        }
    }
}
