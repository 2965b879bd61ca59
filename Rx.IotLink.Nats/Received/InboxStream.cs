using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;
using Rx.IotLink.Nats.Log;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Nats.Received;

/// <summary>
/// The lines that devices sent, in a stream of their own: a message for each line. The subject has the partition and
/// the device. A consumer has a durable pull consumer for each partition, and a second stream has its dead letters.
/// </summary>
/// <param name="js">JetStream.</param>
/// <param name="logs">What is common to all streams.</param>
/// <param name="options">The options of the store.</param>
/// <param name="faults">Makes exceptions.</param>
internal sealed class InboxStream(INatsJSContext js, Streams logs, NatsSessionStoreOptions options, StoreFaults faults)
{
    /// <summary>
    /// In how many parts the devices are divided. Lines of one part are handled one after the other. The subjects have
    /// it, so it never changes.
    /// </summary>
    public const int Partitions = 16;

    // Of JetStream's errors: there is no such consumer; the last message is another one.
    private const int NoConsumer = 10_014;

    /// <summary>For the headers of a message.</summary>
    private const int Frame = 4_096;

    private const string AllOfDead = ".*.*";

    private volatile bool isPrepared;

    public string Stream { get; } = options.Stream + "_inbox";

    public string Dead { get; } = options.Stream + "_dead";

    /// <summary>The partition of a device.</summary>
    public static int PartitionOf(string id) => SHA256.HashData(Encoding.UTF8.GetBytes(id))[0] % Partitions;

    /// <summary>Makes the streams if they are not there.</summary>
    public async Task PrepareAsync()
    {
        if (isPrepared)
            return;
        await logs.PrepareAsync(Stream, Stream + ".*.*", options.Replicas).ConfigureAwait(false);
        await logs.PrepareAsync(Dead, Dead + AllOfDead, options.Replicas).ConfigureAwait(false);
        isPrepared = true;
    }

    /// <summary>The last message of a device, and its sequence; 0: there is none.</summary>
    public async Task<(InboxEntry Entry, ulong Sequence)> LastAsync(string id)
    {
        await PrepareAsync().ConfigureAwait(false);
        if (await logs.GetAsync(Stream, new() { LastBySubj = SubjectOf(id) }).ConfigureAwait(false) is not { } message)
            return default;
        try
        {
            return (InboxEntry.Read(message.Data.Span).Entry, message.Seq);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"is damaged at message {message.Seq} of '{Stream}': {e.Message}"), e);
        }
    }

    /// <summary>Appends a line behind the message that was seen.</summary>
    /// <returns>Its sequence; null: somebody else has appended another one.</returns>
    public Task<ulong?> TryAppendAsync(string id, InboxEntry entry, string text, ulong after)
    {
        var most = (js.Connection.ServerInfo?.MaxPayload ?? int.MaxValue) - Frame;
        var size = InboxEntry.SizeOf(text);
        return size <= most ? logs.TryAppendAsync(SubjectOf(id), entry.ToBytes(text), after) : throw faults.TooLong(id, size, most);
    }

    /// <summary>The consumer of one partition. It is made if it is not there.</summary>
    public async Task<INatsJSConsumer> ConsumerAsync(string consumer, int partition, FleetConsumerOptions its)
    {
        var name = NameOf(consumer, partition);
        try
        {
            var known = await js.GetConsumerAsync(Stream, name).ConfigureAwait(false);
            if (known.Info.Config.AckWait == its.Lease)
                return known;
        }
        catch (NatsJSApiException e) when (e.Error.ErrCode == NoConsumer)
        {
            // It is made now; another process may do the same.
        }

        return await js.CreateOrUpdateConsumerAsync(Stream, new ConsumerConfig(name)
        {
            FilterSubject = FilterOf(partition),
            AckPolicy = ConsumerConfigAckPolicy.Explicit,
            AckWait = its.Lease,
            // So the lines of a device never overtake each other, whichever processes have them.
            MaxAckPending = 1,
            DeliverPolicy = its.FromNow ? ConsumerConfigDeliverPolicy.New : ConsumerConfigDeliverPolicy.All,
        }).ConfigureAwait(false);
    }

    /// <summary>Keeps a dead letter. A second time it changes nothing, for two minutes.</summary>
    /// <param name="consumer">The consumer.</param>
    /// <param name="turn">The message that failed.</param>
    /// <param name="line">Its line; null: it is none.</param>
    /// <param name="said">Why.</param>
    public async Task BuryAsync(string consumer, Turn turn, FleetLine? line, string said)
    {
        var device = turn.Message.Subject[(turn.Message.Subject.LastIndexOf('.') + 1)..];
        var entry = turn.Sequence.ToString(CultureInfo.InvariantCulture);
        var headers = new NatsHeaders
        {
            ["IotLink-Device"] = Printable.Of(line?.DeviceId ?? device),
            ["IotLink-Line"] = $"{line?.Line}",
            ["IotLink-Entry"] = entry,
            ["IotLink-Attempts"] = turn.Attempt.ToString(CultureInfo.InvariantCulture),
            ["IotLink-Error"] = said,
        };
        var ack = await js.PublishAsync(
            $"{Dead}.{TokenOf(consumer)}.{device}", line is null ? turn.Message.Data ?? [] : Encoding.UTF8.GetBytes(line.Text), headers: headers,
            opts: new NatsJSPubOpts { MsgId = $"{TokenOf(consumer)} {entry}" }).ConfigureAwait(false);
        ack.EnsureSuccess();
    }

    /// <summary>Removes a consumer with its dead letters.</summary>
    public async Task ForgetAsync(string consumer)
    {
        await PrepareAsync().ConfigureAwait(false);
        for (var partition = 0; partition < Partitions; partition++)
        {
            try
            {
                await js.DeleteConsumerAsync(Stream, NameOf(consumer, partition)).ConfigureAwait(false);
            }
            catch (NatsJSApiException e) when (e.Error.ErrCode == NoConsumer)
            {
                // There is nothing to do.
            }
        }

        _ = await js.PurgeStreamAsync(Dead, new StreamPurgeRequest { Filter = $"{Dead}.{TokenOf(consumer)}.*" }).ConfigureAwait(false);
    }

    /// <summary>
    /// Deletes the lines that every consumer has had, and that came before a time by the clocks of the servers.
    /// </summary>
    public async Task DeleteBeforeAsync(DateTimeOffset time)
    {
        await PrepareAsync().ConfigureAwait(false);
        var first = await FirstSinceAsync(time).ConfigureAwait(false);
        var may = Enumerable.Repeat(first, Partitions).ToArray();
        await foreach (var consumer in js.ListConsumersAsync(Stream).ConfigureAwait(false))
        {
            // What is between the lines of its partition is not its own.
            var info = consumer.Info;
            if (PartitionOfConsumer(info.Name) is { } partition && (info.NumPending > 0 || info.NumAckPending > 0))
                may[partition] = Math.Min(may[partition], info.AckFloor.StreamSeq + 1);
        }

        for (var partition = 0; partition < Partitions; partition++)
        {
            if (may[partition] > 1)
                _ = await js.PurgeStreamAsync(Stream, new StreamPurgeRequest { Filter = FilterOf(partition), Seq = may[partition] }).ConfigureAwait(false);
        }
    }

    /// <summary>The device of a subject; null: it is none of these.</summary>
    public static string? TryIdOf(string subject)
    {
        try
        {
            return Encoding.UTF8.GetString(Convert.FromHexString(subject[(subject.LastIndexOf('.') + 1)..]));
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private string SubjectOf(string id) => $"{Stream}.{Text(PartitionOf(id))}.{Streams.TokenOf(id)}";

    private string FilterOf(int partition) => $"{Stream}.{Text(partition)}.*";

    private static string NameOf(string consumer, int partition) => $"{TokenOf(consumer)}-{Text(partition)}";

    /// <summary>A name may hold what a subject may not, or be too long for one.</summary>
    private static string TokenOf(string consumer) => consumer.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')
        ? consumer
        : "=" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(consumer)));

    private static int? PartitionOfConsumer(string name) =>
        int.TryParse(name[(name.LastIndexOf('-') + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var partition) && partition < Partitions ? partition : null;

    private static string Text(int partition) => partition.ToString("00", CultureInfo.InvariantCulture);

    /// <summary>The sequence of the first message since a time, or of the next one that comes.</summary>
    private async Task<ulong> FirstSinceAsync(DateTimeOffset time)
    {
        var state = (await js.GetStreamAsync(Stream).ConfigureAwait(false)).Info.State;
        var (low, high) = (state.FirstSeq, state.LastSeq + 1);
        while (low < high)
        {
            var middle = low + ((high - low) / 2);
            var message = await logs.GetAsync(Stream, new() { Seq = middle, NextBySubj = Stream + ".>" }).ConfigureAwait(false);
            if (message is null || message.Time >= time || message.Seq >= high)
                high = middle;
            else
                low = message.Seq + 1;
        }

        return high;
    }
}
