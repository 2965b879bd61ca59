namespace Rx.IotLink.Nats.Log;

/// <summary>Reads a log, message by message.</summary>
internal sealed class Reading
{
    private readonly List<byte[]> pieces = [];

    // A memory that is being said anew; null: none.
    private Memory? anew;

    /// <summary>What it says up to here.</summary>
    public Memory Memory { get; private set; } = new();

    /// <summary>The next message.</summary>
    /// <exception cref="InvalidDataException">It is none of this library's, or is damaged.</exception>
    public void Add(ReadOnlyMemory<byte> message, long sequence)
    {
        switch (Entry.KindOf(message.Span))
        {
            case EntryKind.Piece:
                Entry.AddTo(pieces, message.Span);
                return;
            case EntryKind.LastPiece:
                Entry.AddTo(pieces, message.Span);
                message = pieces.SelectMany(piece => piece).ToArray();
                break;
        }

        pieces.Clear();
        var kind = Entry.KindOf(message.Span);
        if (kind == EntryKind.Begin)
            anew = new();
        else if (kind is not (EntryKind.Part or EntryKind.End))
            anew = null;
        if (kind is EntryKind.Part or EntryKind.End && anew is null)
            throw new InvalidDataException("it says something anew that was not begun");
        if (kind == EntryKind.Forget)
            Memory = new() { IsForgotten = true };
        if (kind == EntryKind.Claim)
            Memory.IsForgotten = false;
        Entry.Read(message, sequence, anew ?? Memory);
        // What is said anew counts when all of it is there.
        if (kind == EntryKind.End)
            (Memory, anew) = (anew!, null);
    }
}
