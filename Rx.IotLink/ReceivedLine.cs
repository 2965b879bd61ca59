using System.Text;

namespace Rx.IotLink;

/// <summary>
/// A line of the peer, with its name and the call that accepts it. From <see cref="ILink.Received"/>.
/// </summary>
/// <remarks>All members may be used from any thread, and after <c>OnNext</c> has returned.</remarks>
public sealed class ReceivedLine
{
    private readonly Action<ReceivedLine>? accept;
    private string? text;
    private int accepted;

    /// <summary>Creates a line, for tests of code that takes lines. A link creates its own.</summary>
    /// <param name="deviceId">The device at the client's end of the link.</param>
    /// <param name="line">The name of the line.</param>
    /// <param name="utf8">The line as UTF-8. Not copied.</param>
    /// <param name="delivery">The promise made for it.</param>
    /// <param name="accept">Called at the first <see cref="Accept"/>, or null.</param>
    public ReceivedLine(string deviceId, LineId line, ReadOnlyMemory<byte> utf8, Delivery delivery = Delivery.ExactlyOnce, Action<ReceivedLine>? accept = null)
    {
        ArgumentNullException.ThrowIfNull(deviceId);
        (DeviceId, Line, Utf8, Delivery, this.accept) = (deviceId, line, utf8, delivery, accept);
    }

    /// <summary>The device at the client's end of the link, the same as <see cref="ILink.Id"/>.</summary>
    public string DeviceId { get; }

    /// <summary>The name of the line. Together with <see cref="DeviceId"/> no other line has it.</summary>
    public LineId Line { get; }

    /// <summary>The line as UTF-8, without its line feed. A copy of its own: it stays valid.</summary>
    public ReadOnlyMemory<byte> Utf8 { get; }

    /// <summary>The line as text. The string is made at the first use.</summary>
    public string Text => text ??= Encoding.UTF8.GetString(Utf8.Span);

    /// <summary>
    /// The promise made for it, as far as the wire shows it: in protocol 1 every line counts as exactly once.
    /// </summary>
    public Delivery Delivery { get; }

    /// <summary>Whether <see cref="Accept"/> was called.</summary>
    public bool IsAccepted => Volatile.Read(ref accepted) != 0;

    /// <summary>Its place in the inbox.</summary>
    internal long Place { get; init; }

    /// <summary>
    /// Accepts the line: the application has finished its work for the line. The line is acknowledged to the peer once
    /// all lines before it are accepted as well, and each <c>OnNext</c> that got it has returned. A second call has no
    /// effect. A call after the link has ended has no effect either: the next process gets the line again.
    /// </summary>
    public void Accept()
    {
        if (Interlocked.Exchange(ref accepted, 1) == 0)
            accept?.Invoke(this);
    }

    /// <summary>Its name: never its text, which a log must not have raw.</summary>
    public override string ToString() => $"{DeviceId} {Line}";
}
