using System.Text;

namespace Rx.IotLink;

/// <summary>
/// A line that the peer wrote, its name, and the word that accepts it. Given by <see cref="ILink.Received"/>.
/// </summary>
/// <remarks>All members may be used from any thread, and after <c>OnNext</c> has returned.</remarks>
public sealed class ReceivedLine
{
    private readonly Action<ReceivedLine>? accept;
    private string? text;
    private int accepted;

    /// <summary>A line. For tests of what takes lines: those of a link are made by the link.</summary>
    /// <param name="deviceId">The device at the client's end of the link.</param>
    /// <param name="line">What the line is called.</param>
    /// <param name="utf8">The line as UTF-8. Not copied.</param>
    /// <param name="delivery">The promise that it was written with.</param>
    /// <param name="accept">Called at the first <see cref="Accept"/>, or null.</param>
    public ReceivedLine(string deviceId, LineId line, ReadOnlyMemory<byte> utf8, Delivery delivery = Delivery.ExactlyOnce, Action<ReceivedLine>? accept = null)
    {
        ArgumentNullException.ThrowIfNull(deviceId);
        (DeviceId, Line, Utf8, Delivery, this.accept) = (deviceId, line, utf8, delivery, accept);
    }

    /// <summary>The device at the client's end of the link, the same as <see cref="ILink.Id"/>.</summary>
    public string DeviceId { get; }

    /// <summary>What the line is called: with <see cref="DeviceId"/>, no other line has this name.</summary>
    public LineId Line { get; }

    /// <summary>The line as UTF-8, without its line feed. A copy of its own: it stays valid.</summary>
    public ReadOnlyMemory<byte> Utf8 { get; }

    /// <summary>The line as text. It is made when it is asked for the first time.</summary>
    public string Text => text ??= Encoding.UTF8.GetString(Utf8.Span);

    /// <summary>
    /// The promise that it was written with, as far as the wire tells: protocol 1 calls every line exactly once.
    /// </summary>
    public Delivery Delivery { get; }

    /// <summary>Whether <see cref="Accept"/> was called.</summary>
    public bool IsAccepted => Volatile.Read(ref accepted) != 0;

    /// <summary>Where the inbox finds it.</summary>
    internal long Place { get; init; }

    /// <summary>
    /// Accepts the line: the application has done with it what it wants to do. It is acknowledged to the peer once all
    /// lines before it are accepted as well, and each <c>OnNext</c> that was given it has returned. A second call has
    /// no
    /// effect; nor has one after the link has ended, whose next process is given the line again.
    /// </summary>
    public void Accept()
    {
        if (Interlocked.Exchange(ref accepted, 1) == 0)
            accept?.Invoke(this);
    }

    /// <summary>Its name: never its text, which a log must not have raw.</summary>
    public override string ToString() => $"{DeviceId} {Line}";
}
