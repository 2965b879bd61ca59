using System.Threading.Channels;

namespace Rx.IotLink.Cli;

/// <summary>
/// Lines that wait for their device to connect, in order for each id. Their number is bounded by the slots of all ids
/// together. So a device that never comes delays the others only when it has taken all slots.
/// </summary>
/// <param name="open">
/// What writes lines to an id, as soon as that may be. Called again when its link is no longer that of the id. A line's
/// place is held until its write has ended.
/// </param>
/// <param name="isSerial">Whether a line is written when the one before it has been.</param>
/// <param name="window">The places that lines hold.</param>
/// <param name="over">Ends the wait.</param>
internal sealed class DeviceQueues(
    Func<string, CancellationToken, Task<DeviceWriter>> open, bool isSerial, LineWindow window, CancellationToken over)
{
    private readonly Dictionary<string, ChannelWriter<AddressedLine>> byId = new(StringComparer.Ordinal);

    /// <summary>Takes a line that has a place. Called by one pump.</summary>
    public void Post(AddressedLine line)
    {
        var id = line.Id;
        if (byId.TryGetValue(id, out var box))
        {
            box.TryWrite(line);
            return;
        }

        var channel = Channel.CreateUnbounded<AddressedLine>();
        byId.Add(id, channel.Writer);
        channel.Writer.TryWrite(line);
        // Its device is looked for at once: what is said of it comes before what is said of later lines.
        _ = ForwardAsync(id, channel.Reader);
    }

    private async Task ForwardAsync(string id, ChannelReader<AddressedLine> lines)
    {
        try
        {
            DeviceWriter? writer = null;
            await foreach (var line in lines.ReadAllAsync(over).ConfigureAwait(false))
            {
                if (writer is null || !writer.Holds())
                    writer = await open(id, over).ConfigureAwait(false);
                var following = window.FollowAsync(writer.Write(line));
                if (isSerial)
                    await following.ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // It is over; lines that still wait keep their places, and are reported as not delivered.
        }
    }
}

/// <summary>What writes lines to a device.</summary>
/// <param name="Write">Writes a line.</param>
/// <param name="Holds">Whether it still reaches the device: a link that was forgotten does not.</param>
internal sealed record DeviceWriter(Func<AddressedLine, Task> Write, Func<bool> Holds);
