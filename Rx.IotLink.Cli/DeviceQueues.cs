using System.Threading.Channels;

namespace Rx.IotLink.Cli;

/// <summary>
/// Lines that wait for their device to connect, in order for each id. Their number is bounded by the slots of all ids
/// together. So a device that never comes delays the others only when it has taken all slots.
/// </summary>
/// <param name="waitForLink">The link of an id, as soon as there is one. Called once for each id.</param>
/// <param name="write">Writes a line; its place is held until that has ended.</param>
/// <param name="window">The places that lines hold.</param>
/// <param name="over">Ends the wait.</param>
internal sealed class DeviceQueues(
    Func<string, CancellationToken, Task<ILink>> waitForLink, Func<ILink, AddressedLine, Task> write, LineWindow window, CancellationToken over)
{
    private readonly Dictionary<string, ChannelWriter<AddressedLine>> byId = new(StringComparer.Ordinal);

    /// <summary>Takes a line that has a place. Called by one pump.</summary>
    public void Post(AddressedLine line)
    {
        var id = line.Id;
        if (!byId.TryGetValue(id, out var box))
        {
            var channel = Channel.CreateUnbounded<AddressedLine>();
            byId.Add(id, box = channel.Writer);
            _ = ForwardAsync(id, channel.Reader);
        }

        box.TryWrite(line);
    }

    private async Task ForwardAsync(string id, ChannelReader<AddressedLine> lines)
    {
        try
        {
            var link = await waitForLink(id, over).ConfigureAwait(false);
            await foreach (var line in lines.ReadAllAsync(over).ConfigureAwait(false))
                _ = window.FollowAsync(write(link, line));
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // It is over; lines that still wait keep their places, and are reported as not delivered.
        }
    }
}
