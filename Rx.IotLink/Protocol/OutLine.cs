namespace Rx.IotLink.Protocol;

/// <summary>A line to be written: what a protocol needs to know of it.</summary>
internal class OutLine(string? text, int bytes, Delivery delivery, Ordering ordering)
{
    /// <summary>
    /// The text. A line that was given as bytes makes it when it is asked for: a store or a message wants it, the wire
    /// does not.
    /// </summary>
    public string Text => text ?? MakeText();

    /// <summary>The length of the text as UTF-8.</summary>
    public int Bytes { get; protected set; } = bytes;

    public Delivery Delivery { get; protected set; } = delivery;

    public Ordering Ordering { get; protected set; } = ordering;

    /// <summary>
    /// Its place in the order of writing, across the lanes of the outbox. Where lines are kept, it is their position.
    /// </summary>
    internal ulong Ticket { get; set; }

    /// <summary>The record with which it is kept; 0: it was kept by an earlier process, or is not.</summary>
    internal long Record { get; set; }

    /// <summary>Whether it is in the outbox.</summary>
    internal bool Waits { get; set; }

    /// <summary>Whether it is in the outbox for the second time: it may have been sent before.</summary>
    internal bool WasPutBack { get; set; }

    /// <summary>What became of it. Null: it is not done with.</summary>
    public Outcome? Outcome { get; internal set; }

    /// <summary>What was done next, while both are to be told.</summary>
    public OutLine? DoneNext { get; internal set; }

    /// <summary>Whether nothing refers to it any more once it is done with.</summary>
    public bool MayBeUsedAgain { get; internal set; }

    /// <summary>Whether it may give way when the outbox is full: nobody waits for it.</summary>
    public virtual bool MayBeDropped => false;

    /// <summary>Whether somebody waits until it is accepted.</summary>
    public virtual bool IsAwaited => false;

    /// <summary>Whether its writer is to be told as soon as it is kept.</summary>
    public virtual bool IsDoneWhenStored => false;

    /// <summary>
    /// Its neighbours there. Held here, so that taking a line back needs no search and keeping one no other object.
    /// </summary>
    internal OutLine? Before { get; set; }

    internal OutLine? After { get; set; }

    /// <summary>Writes the text as UTF-8 to a span of at least <see cref="Bytes"/>.</summary>
    public virtual void CopyTo(Span<byte> utf8) => Utf8.Write(utf8, text!);

    protected virtual string MakeText() => throw new InvalidOperationException("A line without a text must know how to make it.");
}
