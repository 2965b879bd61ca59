namespace Rx.IotLink.Protocol;

/// <summary>A written line, with the facts that a protocol needs.</summary>
internal class OutLine(string? text, int bytes, Delivery delivery, Ordering ordering)
{
    /// <summary>
    /// The text. A line of bytes makes it at the first use: only a store or a message needs it, not the wire.
    /// </summary>
    public string Text => text ?? MakeText();

    /// <summary>The length of the text as UTF-8.</summary>
    public int Bytes { get; protected set; } = bytes;

    public Delivery Delivery { get; protected set; } = delivery;

    public Ordering Ordering { get; protected set; } = ordering;

    /// <summary>
    /// Its place in the order of writing, across the lanes of the outbox. In a store it is the position of the line.
    /// </summary>
    internal ulong Ticket { get; set; }

    /// <summary>The record that keeps it; 0: an earlier process kept it, or it is not kept.</summary>
    internal long Record { get; set; }

    /// <summary>Whether it is in the outbox.</summary>
    internal bool Waits { get; set; }

    /// <summary>Whether it is in the outbox for the second time: it may have been sent before.</summary>
    internal bool WasPutBack { get; set; }

    /// <summary>Its outcome. Null: it is not complete.</summary>
    public Outcome? Outcome { get; internal set; }

    /// <summary>The next complete line, while both wait for their reports.</summary>
    public OutLine? DoneNext { get; internal set; }

    /// <summary>Whether nothing refers to it once it is complete.</summary>
    public bool MayBeUsedAgain { get; internal set; }

    /// <summary>Whether it may be dropped when the outbox is full: nothing waits for it.</summary>
    public virtual bool MayBeDropped => false;

    /// <summary>Whether a write waits until it is accepted.</summary>
    public virtual bool IsAwaited => false;

    /// <summary>Whether its write completes as soon as it is kept.</summary>
    public virtual bool IsDoneWhenStored => false;

    /// <summary>
    /// Its neighbours there. They are held here, so that removing a line needs no search, and adding one needs no
    /// further object.
    /// </summary>
    internal OutLine? Before { get; set; }

    internal OutLine? After { get; set; }

    /// <summary>Writes the text as UTF-8 to a span of at least <see cref="Bytes"/>.</summary>
    public virtual void CopyTo(Span<byte> utf8) => Utf8.Write(utf8, text!);

    protected virtual string MakeText() => throw new InvalidOperationException("A line without a text must know how to make it.");
}
