using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using MQTTnet;
using MQTTnet.Channel;
using MQTTnet.Formatter;
using MQTTnet.LowLevelClient;
using MQTTnet.Packets;
using MQTTnet.Protocol;
using Rx.IotLink.Protocol;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Mqtt.Broker;

/// <summary>
/// One connection to the broker: packets in both directions, and pings. What was sent and not acknowledged outlives it
/// elsewhere.
/// </summary>
internal sealed class BrokerConnection : IDisposable
{
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LeaveLimit = TimeSpan.FromSeconds(1);

    private readonly ILowLevelMqttClient client;
    private readonly IScheduler scheduler;
    private readonly CancellationTokenSource broken = new();
    private readonly IStopwatch clock;
    private IDisposable? pinging;
    private long heardAt;
    private int hasEnded;
    private volatile string? why;

    private BrokerConnection(ILowLevelMqttClient client, IScheduler scheduler)
    {
        (this.client, this.scheduler) = (client, scheduler);
        clock = scheduler.StartStopwatch();
    }

    /// <summary>What the broker has said to the first packet.</summary>
    public MqttConnAckPacket Answer { get; private set; } = null!;

    /// <summary>Whether the broker has ended it for another one of the same name.</summary>
    public bool WasTakenOver { get; private set; }

    /// <summary>Connects. The caller owns the connection.</summary>
    /// <exception cref="IOException">The broker cannot be reached, or refuses.</exception>
    public static async Task<BrokerConnection> OpenAsync(MqttGatewayOptions options, MqttConnectPacket hello, CancellationToken cancellationToken)
    {
        var connection = new BrokerConnection(new MqttClientFactory().CreateLowLevelMqttClient(), options.Scheduler);
        try
        {
            using var cancelled = cancellationToken.UnsafeRegister(static c => ((BrokerConnection)c!).Break(), connection);
            using (options.Scheduler.Schedule(ConnectLimit, () => connection.Break($"it has not answered within {ConnectLimit.TotalSeconds:0} s")))
                await connection.GreetAsync(options, hello).ConfigureAwait(false);
            connection.KeepAlive(options, connection.Answer.ServerKeepAlive);
            return connection;
        }
        catch (Exception exception)
        {
            connection.Dispose();
            throw exception as IOException ?? exception.InnerException as IOException
                ?? new IOException($"{options.Host}:{options.PortOrDefault} did not answer as a broker of MQTT 5: {connection.why ?? exception.GetBaseException().Message}", exception);
        }
    }

    /// <summary>Sends a packet: those of one caller arrive in order.</summary>
    public Task SendAsync(MqttPacket packet) => client.SendAsync(packet, broken.Token);

    /// <summary>The next packet.</summary>
    /// <exception cref="IOException">The connection has ended.</exception>
    public async Task<MqttPacket> ReceiveAsync()
    {
        MqttPacket packet;
        try
        {
            packet = await client.ReceiveAsync(broken.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not IOException)
        {
            throw new IOException(why ?? exception.GetBaseException().Message, exception);
        }

        Volatile.Write(ref heardAt, clock.Elapsed.Ticks);
        WasTakenOver = packet is MqttDisconnectPacket { ReasonCode: MqttDisconnectReasonCode.SessionTakenOver };
        return packet is MqttDisconnectPacket end
            ? throw new IOException($"the broker ended the connection: {Words.Of(end.ReasonCode.ToString(), end.ReasonString)}")
            : packet;
    }

    /// <summary>Says goodbye, so that the broker does not publish the last will, and ends.</summary>
    public async Task LeaveAsync()
    {
        // It may have ended already.
        using (scheduler.Schedule(LeaveLimit, () => Break()))
            await SendAsync(new MqttDisconnectPacket { ReasonCode = MqttDisconnectReasonCode.NormalDisconnection }).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Break();
    }

    /// <summary>Ends it at once; whoever receives on it gets the reason.</summary>
    public void Break(string? reason = null)
    {
        if (Interlocked.Exchange(ref hasEnded, 1) != 0)
            return;
        why = reason;
        pinging?.Dispose();
        broken.Cancel();
        client.Dispose();
    }

    public void Dispose() => Break();

    private async Task GreetAsync(MqttGatewayOptions options, MqttConnectPacket hello)
    {
        await client.ConnectAsync(
            new()
            {
                ProtocolVersion = MqttProtocolVersion.V500,
                // One call of the system for each packet.
                AllowPacketFragmentation = false,
                ChannelOptions = new MqttClientTcpOptions
                {
                    RemoteEndpoint = new DnsEndPoint(options.Host, options.PortOrDefault),
                    StreamProvider = new Streams(options),
                    TlsOptions = new() { UseTls = false },
                },
            },
            broken.Token).ConfigureAwait(false);
        await SendAsync(hello).ConfigureAwait(false);
        if (await client.ReceiveAsync(broken.Token).ConfigureAwait(false) is not MqttConnAckPacket answer)
            throw new IOException("it sent something else than an answer first");
        if (answer.ReasonCode != MqttConnectReasonCode.Success)
            throw new IOException($"The broker at {options.Host}:{options.PortOrDefault} refuses this gateway: {Refusal(answer)}");
        if (answer.MaximumQoS == MqttQualityOfServiceLevel.AtMostOnce)
            throw new IOException($"The broker at {options.Host}:{options.PortOrDefault} acknowledges no messages (its maximum QoS is 0), so lines could be lost");
        Answer = answer;
    }

    /// <summary>A broker of MQTT 3 answers in its own way: 1 there means a version that it does not speak.</summary>
    private static string Refusal(MqttConnAckPacket answer) => (int)answer.ReasonCode is 1 or (int)MqttConnectReasonCode.UnsupportedProtocolVersion
        ? "it does not speak MQTT 5"
        : Words.Of(answer.ReasonCode.ToString(), answer.ReasonString);

    private void KeepAlive(MqttGatewayOptions options, ushort asked)
    {
        var limit = asked > 0 && asked < options.KeepAlive.TotalSeconds ? TimeSpan.FromSeconds(asked) : options.KeepAlive;
        pinging = Observable.Interval(limit / 2, scheduler).Subscribe(tick =>
        {
            if (clock.Elapsed.Ticks - Volatile.Read(ref heardAt) > 1.5 * limit.Ticks)
                Break("the broker has not answered in time");
            else
                _ = SendAsync(MqttPingReqPacket.Instance).IgnoreAsync();
        });
        if (Volatile.Read(ref hasEnded) != 0)
            pinging.Dispose();
    }

    /// <summary>Sockets as links have them: each address of the name has its turn, and errors name the fault.</summary>
    private sealed class Streams(MqttGatewayOptions options) : IMqttClientStreamProvider
    {
        public async Task<Stream> ConnectAsync(EndPoint brokerEndPoint, CancellationToken cancellationToken)
        {
            var (host, port) = (options.Host, options.PortOrDefault);
            var socket = await new ConnectRace(host, port, options.Scheduler, ConnectLimit).ConnectAsync(cancellationToken).ConfigureAwait(false);
            var stream = new NetworkStream(socket, ownsSocket: true);
            try
            {
                socket.NoDelay = true;
                return options.Tls is null ? stream : await TlsHandshake.AsClientAsync(stream, host, port, options.Tls, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                await stream.DisposeAsync().ConfigureAwait(false);
                throw exception as IOException ?? new IOException($"{host}:{port} ended the connection at once: {exception.Message}", exception);
            }
        }
    }
}

/// <summary>Reasons of the broker as words for people.</summary>
internal static class Words
{
    public static string Of(string reason, string? more) => string.IsNullOrEmpty(more) ? reason : $"{reason}, {Printable.Of(more)}";
}
