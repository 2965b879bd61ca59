namespace Rx.IotLink.Protocol;

/// <summary>A written line, with the facts that a protocol needs.</summary>
internal class OutLine(string? text, int bytes, Delivery delivery, Ordering ordering)
{
    // In a byte each: thousands of lines may wait.
    private byte delivery = (byte)delivery;
    private byte ordering = (byte)ordering;
    private Mark marks;
    private long expires;

    /// <summary>
    /// The text. A line of bytes makes it at the first use: only a store or a message needs it, not the wire.
    /// </summary>
    public string Text => text ?? MakeText();

    /// <summary>The length of the text as UTF-8.</summary>
    public int Bytes { get; protected set; } = bytes;

    public Delivery Delivery
    {
        get => (Delivery)delivery;
        protected set => delivery = (byte)value;
    }

    public Ordering Ordering
    {
        get => (Ordering)ordering;
        protected set => ordering = (byte)value;
    }

    /// <summary>A newer line of the same key takes its place, if it was not sent.</summary>
    public virtual string? Key => null;

    /// <summary>Its number in the outbox of a fleet, from which it comes; 0: it comes from elsewhere.</summary>
    public virtual long Entry => 0;

    /// <summary>How long it may wait to be sent, if it says so itself.</summary>
    public virtual TimeSpan? TimeToLive => null;

    /// <summary>When it is given up if it was not sent, on the link's clock. Null: never.</summary>
    public TimeSpan? Expires
    {
        get => expires == 0 ? null : TimeSpan.FromTicks(expires);
        set => expires = value?.Ticks ?? 0;
    }

    /// <summary>Whether that is another time than for the lines around it.</summary>
    internal bool HasOwnEnd
    {
        get => Has(Mark.OwnEnd);
        set => Set(Mark.OwnEnd, value);
    }

    /// <summary>Whether a newer line of its key was written after it was sent.</summary>
    internal bool IsSuperseded
    {
        get => Has(Mark.Superseded);
        set => Set(Mark.Superseded, value);
    }

    /// <summary>
    /// Whether it was given up although it may have been sent: it stays where its number is, and is not sent any more.
    /// </summary>
    internal bool IsGivenUp
    {
        get => Has(Mark.GivenUp);
        set => Set(Mark.GivenUp, value);
    }

    /// <summary>
    /// Its place in the order of writing, across the lanes of the outbox. In a store it is the position of the line.
    /// </summary>
    internal ulong Ticket { get; set; }

    /// <summary>The record that keeps it; 0: an earlier process kept it, or it is not kept.</summary>
    internal long Record { get; set; }

    /// <summary>Whether it is in the outbox.</summary>
    internal bool Waits
    {
        get => Has(Mark.Waits);
        set => Set(Mark.Waits, value);
    }

    /// <summary>Whether it is in the outbox for the second time: it may have been sent before.</summary>
    internal bool WasPutBack
    {
        get => Has(Mark.PutBack);
        set => Set(Mark.PutBack, value);
    }

    /// <summary>
    /// Whether it may be given up, where it waits in the outbox. One that may have been sent may not, if its writer
    /// waits: nobody knows what became of it.
    /// </summary>
    internal bool MayBeGivenUp => !WasPutBack || !IsAwaited;

    /// <summary>Its outcome. Null: it is not complete.</summary>
    public Outcome? Outcome { get; internal set; }

    /// <summary>The next complete line, while both wait for their reports.</summary>
    public OutLine? DoneNext { get; internal set; }

    /// <summary>Whether nothing refers to it once it is complete.</summary>
    public bool MayBeUsedAgain
    {
        get => Has(Mark.UsedAgain);
        internal set => Set(Mark.UsedAgain, value);
    }

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

    private bool Has(Mark mark) => (marks & mark) == mark;

    private void Set(Mark mark, bool value) => marks = value ? marks | mark : marks & ~mark;

    [Flags]
    private enum Mark : byte
    {
        None = 0,
        Waits = 1,
        PutBack = 2,
        UsedAgain = 4,
        OwnEnd = 8,
        Superseded = 16,
        GivenUp = 32,
    }
}

/// <summary>A line that was read from a store: whoever wrote it is gone, or does not wait for it.</summary>
internal sealed class StoredOutLine(string text, string? key) : OutLine(text, Utf8.ByteCount(text) ?? 0, Delivery.ExactlyOnce, Ordering.Ordered)
{
    public override string? Key => key;
}
