namespace Rx.IotLink.Protocol;

/// <summary>A line to be written: what a protocol needs to know of it.</summary>
internal class OutLine(string text, int bytes, Delivery delivery, Ordering ordering)
{
    public string Text { get; } = text;

    /// <summary>The length of the text as UTF-8.</summary>
    public int Bytes { get; } = bytes;

    public Delivery Delivery { get; } = delivery;

    public Ordering Ordering { get; } = ordering;

    /// <summary>Its place in the order of writing, across the lanes of the outbox.</summary>
    internal ulong Ticket { get; set; }

    /// <summary>Its place in the outbox while it is there.</summary>
    internal LinkedListNode<OutLine>? Place { get; set; }
}
