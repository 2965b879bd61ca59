using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace Rx.IotLink.Mqtt.Broker;

/// <summary>
/// Messages to the broker, in order, with their packet ids over all connections of a session: QoS 2, or the best that
/// the broker has. What was sent before a cut is sent again under its id, so the broker knows what it has already.
/// </summary>
/// <param name="most">The most messages that are under way at a time.</param>
internal sealed class Outgoing(int most)
{
    /// <summary>MQTT 5: the packet is larger than its receiver takes.</summary>
    private const int PacketTooLarge = 149;

    /// <summary>MQTT 5: from here on a reason is a refusal.</summary>
    private const int FirstRefusal = 128;

    /// <summary>The last packet id: one is left for a subscription.</summary>
    public const ushort LastId = ushort.MaxValue - 1;

    private readonly Lock gate = new();
    private readonly LinkedList<Publication> waiting = new();
    private readonly LinkedList<Publication> underWay = new();
    private readonly Dictionary<ushort, LinkedListNode<Publication>> byId = [];
    private readonly Queue<MqttPacket> releases = new();

    // Guarded by the lock: the first of those under way that must be sent again.
    private LinkedListNode<Publication>? again;
    private BrokerConnection? connection;
    private BrokerConnection? sendingOn;
    private MqttQualityOfServiceLevel quality;
    private int window;
    private int onWire;
    private long maxBytes;
    private ushort lastId;
    private bool isOver;
    private TaskCompletionSource? emptied;
    private long published;
    private long publishedAgain;
    private long publishedAnew;
    private long refused;

    /// <summary>Published, again, anew, refused, waiting.</summary>
    public (long Published, long Again, long Anew, long Refused, int Waiting) Counters
    {
        get
        {
            lock (gate)
                return (published, publishedAgain, publishedAnew, refused, waiting.Count + underWay.Count);
        }
    }

    /// <summary>
    /// Publishes a message behind all others, or before those that were not sent yet, where one of its topic counts for
    /// it. Completes when the broker has it. Its caller bounds how many wait.
    /// </summary>
    /// <exception cref="PublishRefusedException">The broker has refused it.</exception>
    /// <exception cref="OperationCanceledException">The gateway has ended.</exception>
    public Task PublishAsync(MqttPublishPacket packet, bool first = false)
    {
        var publication = new Publication(packet);
        lock (gate)
        {
            if (isOver)
                publication.Cancel();
            else if (first && waiting.First?.Value is { } same && same.Packet.Topic == packet.Topic)
                return same.Task;
            else if (first)
                waiting.AddFirst(publication);
            else
                waiting.AddLast(publication);
        }

        Send();
        return publication.Task;
    }

    /// <summary>Sends a message that may be lost (QoS 0). False: there is no connection.</summary>
    public async Task<bool> TrySendAsync(MqttPublishPacket packet)
    {
        BrokerConnection? on;
        lock (gate)
            on = connection;
        if (on is null || new Publication(packet).MostBytes > maxBytes)
            return false;
        try
        {
            await on.SendAsync(packet).ConfigureAwait(false);
            return true;
        }
        catch (Exception)
        {
            return false;
        }
    }

    /// <summary>A connection is up. True: the broker has forgotten messages that were under way.</summary>
    public bool Begin(BrokerConnection on)
    {
        var answer = on.Answer;
        bool forgotten;
        lock (gate)
        {
            (connection, sendingOn, onWire) = (on, null, 0);
            quality = answer.MaximumQoS;
            // 0: the broker has not said it.
            window = Math.Min(most, answer.ReceiveMaximum == 0 ? LastId : answer.ReceiveMaximum);
            maxBytes = answer.MaximumPacketSize == 0 ? long.MaxValue : answer.MaximumPacketSize;
            releases.Clear();
            foreach (var publication in underWay)
                publication.IsOnWire = false;
            forgotten = !answer.IsSessionPresent && underWay.Count > 0;
            if (!answer.IsSessionPresent)
                Renew();
            again = underWay.First;
        }

        Send();
        return forgotten;
    }

    /// <summary>The connection has ended.</summary>
    public void Lost()
    {
        lock (gate)
            connection = null;
    }

    /// <summary>QoS 1: the broker has it, or refuses it.</summary>
    public void Acknowledged(MqttPubAckPacket packet) => Done(packet.PacketIdentifier, (int)packet.ReasonCode, packet.ReasonString);

    /// <summary>QoS 2: the broker has received it, or refuses it. It is the broker's once it is released.</summary>
    public void Received(MqttPubRecPacket packet)
    {
        if ((int)packet.ReasonCode >= FirstRefusal)
        {
            Done(packet.PacketIdentifier, (int)packet.ReasonCode, packet.ReasonString);
            return;
        }

        lock (gate)
        {
            var isKnown = byId.TryGetValue(packet.PacketIdentifier, out var node);
            if (isKnown)
                node!.Value.IsReceived = true;
            releases.Enqueue(new MqttPubRelPacket
            {
                PacketIdentifier = packet.PacketIdentifier,
                ReasonCode = isKnown ? MqttPubRelReasonCode.Success : MqttPubRelReasonCode.PacketIdentifierNotFound,
            });
        }

        Send();
    }

    /// <summary>QoS 2: it is the broker's. One that does not know the id any more has finished it before.</summary>
    public void Completed(MqttPubCompPacket packet)
    {
        lock (gate)
        {
            // The answer to a second release comes late: another message may have the id by then.
            if (!byId.TryGetValue(packet.PacketIdentifier, out var node) || !node.Value.IsReceived)
                return;
        }

        Done(packet.PacketIdentifier, reason: 0, why: null);
    }

    /// <summary>Completes when nothing waits any more.</summary>
    public Task EmptyAsync()
    {
        lock (gate)
        {
            return waiting.Count + underWay.Count == 0
                ? Task.CompletedTask
                : (emptied ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    /// <summary>Gives up what waits: its lines stay unacknowledged.</summary>
    public void End()
    {
        Publication[] left;
        lock (gate)
        {
            isOver = true;
            left = [.. underWay, .. waiting];
            underWay.Clear();
            waiting.Clear();
            byId.Clear();
            again = null;
        }

        foreach (var publication in left)
            publication.Cancel();
    }

    // Under the lock. What is under way goes before what waits, in its order.
    private void Renew()
    {
        while (underWay.Last is { } last)
        {
            underWay.Remove(last);
            last.Value.Renew();
            waiting.AddFirst(last);
            publishedAnew++;
        }

        byId.Clear();
    }

    private void Done(ushort id, int reason, string? why)
    {
        Publication publication;
        lock (gate)
        {
            if (!byId.Remove(id, out var node))
                return;
            publication = node.Value;
            if (ReferenceEquals(again, node))
                again = node.Next;
            underWay.Remove(node);
            if (publication.IsOnWire)
                onWire--;
            if (reason < FirstRefusal)
                published++;
            else
                refused++;
            CheckEmpty();
        }

        if (reason < FirstRefusal)
            publication.Succeed();
        else
            publication.Fail(new PublishRefusedException(reason, Words.Of(NameOf(reason), why)));
        Send();
    }

    // Under the lock.
    private void CheckEmpty()
    {
        if (waiting.Count + underWay.Count > 0)
            return;
        emptied?.TrySetResult();
        emptied = null;
    }

    /// <summary>One task sends at a time, so that packets leave in the order that was decided under the lock.</summary>
    private void Send()
    {
        BrokerConnection on;
        lock (gate)
        {
            if (connection is null || ReferenceEquals(sendingOn, connection))
                return;
            on = sendingOn = connection;
        }

        _ = SendAllAsync(on);
    }

    private async Task SendAllAsync(BrokerConnection on)
    {
        // Whoever publishes does not send for others.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            while (Next(on) is { } packet)
                await on.SendAsync(packet).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            on.Break(exception.GetBaseException().Message);
        }
    }

    private MqttPacket? Next(BrokerConnection on)
    {
        lock (gate)
        {
            if (!ReferenceEquals(connection, on))
                return null;
            var packet = releases.Count > 0 ? releases.Dequeue() : onWire < window ? NextMessage() : null;
            if (packet is null)
                sendingOn = null;
            return packet;
        }
    }

    // Under the lock.
    private MqttPacket? NextMessage()
    {
        if (again is { } node)
        {
            again = node.Next;
            onWire++;
            publishedAgain++;
            return node.Value.SendAgain();
        }

        while (waiting.First is { } first)
        {
            waiting.Remove(first);
            if (first.Value.MostBytes > maxBytes)
            {
                refused++;
                // Its continuations run elsewhere.
                first.Value.Fail(new PublishRefusedException(PacketTooLarge, Words.Of(NameOf(PacketTooLarge), $"it takes packets of at most {maxBytes} bytes")));
                CheckEmpty();
                continue;
            }

            var id = NewId();
            underWay.AddLast(first);
            byId.Add(id, first);
            onWire++;
            return first.Value.Send(id, quality);
        }

        return null;
    }

    // Under the lock. Fewer are under way than there are ids.
    private ushort NewId()
    {
        do
            lastId = lastId == LastId ? (ushort)1 : (ushort)(lastId + 1);
        while (byId.ContainsKey(lastId));
        return lastId;
    }

    private static string NameOf(int reason) => reason == PacketTooLarge ? "PacketTooLarge" : ((MqttPubRecReasonCode)reason).ToString();
}
