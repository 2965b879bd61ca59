using System.Globalization;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;

namespace Rx.IotLink.Nats.Log;

/// <summary>
/// The logs of devices: each has a subject of one stream. A message is appended only if the last one of its subject is
/// the one that the writer has seen. So who has missed a claim can append nothing.
/// </summary>
/// <param name="js">JetStream.</param>
/// <param name="stream">The stream.</param>
internal sealed class DeviceLogs(INatsJSContext js, string stream)
{
    private readonly Streams streams = new(js);

    /// <summary>Makes the stream if it is not there.</summary>
    public Task PrepareAsync(int replicas) => streams.PrepareAsync(stream, stream + ".*", replicas);

    /// <summary>Appends a message behind one that was seen.</summary>
    /// <param name="id">The device.</param>
    /// <param name="bytes">The message. One that is longer than one may be is appended in pieces.</param>
    /// <param name="after">The sequence of the one that was seen.</param>
    /// <param name="most">The most bytes of one.</param>
    /// <returns>Its sequence; null: somebody else has appended another one.</returns>
    public async Task<ulong?> TryAppendAsync(string id, byte[] bytes, ulong after, int most)
    {
        var last = (ulong?)after;
        foreach (var piece in Entry.Pieces(bytes, most))
        {
            last = await streams.TryAppendAsync(SubjectOf(id), piece, last.Value).ConfigureAwait(false);
            if (last is null)
                return null;
        }

        return last;
    }

    /// <summary>The sequence of the last message of a device; 0: there is none.</summary>
    public async Task<ulong> LastAsync(string id) => await streams.GetAsync(stream, new() { LastBySubj = SubjectOf(id) }).ConfigureAwait(false) is { } last ? (ulong)last.Seq : 0;

    /// <summary>Reads the log of a device.</summary>
    /// <exception cref="InvalidDataException">A message is none of this library's, or is damaged.</exception>
    public async Task<LogState> ReadAsync(string id)
    {
        var subject = SubjectOf(id);
        var (reading, last, messages) = (new Reading(), 0UL, 0);
        while (await streams.GetAsync(stream, new() { Seq = last + 1, NextBySubj = subject }).ConfigureAwait(false) is { } message)
        {
            (last, messages) = ((ulong)message.Seq, messages + 1);
            try
            {
                reading.Add(message.Data, (long)last);
            }
            catch (InvalidDataException e)
            {
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"is damaged at message {last}: {e.Message}"), e);
            }
        }

        return new(reading.Memory, last, messages);
    }

    /// <summary>Deletes the messages of a device before one.</summary>
    public async Task DeleteBeforeAsync(string id, ulong sequence) =>
        _ = await js.PurgeStreamAsync(stream, new StreamPurgeRequest { Filter = SubjectOf(id), Seq = sequence }).ConfigureAwait(false);

    private string SubjectOf(string id) => $"{stream}.{Streams.TokenOf(id)}";
}

/// <summary>What a log says.</summary>
/// <param name="Memory">The memory.</param>
/// <param name="Last">The sequence of the last message; 0: there is none.</param>
/// <param name="Messages">How many messages there are.</param>
internal sealed record LogState(Memory Memory, ulong Last, int Messages);
