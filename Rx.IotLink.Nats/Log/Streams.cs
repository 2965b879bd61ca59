using System.Text;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;

namespace Rx.IotLink.Nats.Log;

/// <summary>What all streams of the store have in common.</summary>
/// <param name="js">JetStream.</param>
internal sealed class Streams(INatsJSContext js)
{
    // Of JetStream's errors: the last message is another one; there is no such message; there is no such stream.
    private const int WrongLastSequence = 10_071;
    private const int NoMessage = 10_037;
    private const int NoStream = 10_059;

    /// <summary>An id may hold what a subject may not.</summary>
    public static string TokenOf(string id) => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(id));

    /// <summary>Makes a stream if it is not there.</summary>
    public async Task PrepareAsync(string stream, string subjects, int replicas)
    {
        try
        {
            _ = await js.GetStreamAsync(stream).ConfigureAwait(false);
        }
        catch (NatsJSApiException e) when (e.Error.ErrCode == NoStream)
        {
            _ = await js.CreateStreamAsync(new StreamConfig(stream, [subjects])
            {
                Storage = StreamConfigStorage.File,
                Retention = StreamConfigRetention.Limits,
                Discard = StreamConfigDiscard.New,
                NumReplicas = replicas,
            }).ConfigureAwait(false);
        }
    }

    /// <summary>Appends a message behind the last one of its subject that was seen; 0: there was none.</summary>
    /// <returns>Its sequence; null: somebody else has appended another one.</returns>
    public async Task<ulong?> TryAppendAsync(string subject, byte[] bytes, ulong after)
    {
        // One attempt: whether a lost one was kept, the stream says.
        var ack = await js.PublishAsync(subject, bytes, opts: new NatsJSPubOpts { ExpectedLastSubjectSequence = after, RetryAttempts = 1 }).ConfigureAwait(false);
        if (ack.Error is { ErrCode: WrongLastSequence })
            return null;
        ack.EnsureSuccess();
        return (ulong)ack.Seq;
    }

    /// <summary>A message; null: there is none.</summary>
    public async Task<StoredMessage?> GetAsync(string stream, StreamMsgGetRequest request)
    {
        try
        {
            var answer = await js.JSRequestResponseAsync<StreamMsgGetRequest, StreamMsgGetResponse>($"{js.Opts.Prefix}.STREAM.MSG.GET.{stream}", request).ConfigureAwait(false);
            return answer.Message;
        }
        catch (NatsJSApiException e) when (e.Error.ErrCode == NoMessage)
        {
            return null;
        }
    }
}
