using Rx.IotLink.Protocol;

namespace Rx.IotLink;

/// <summary>
/// Lines whose writes are to be completed, one after the other. They are linked through themselves
/// (<see cref="OutLine.DoneNext"/>).
/// </summary>
internal struct LineChain
{
    private PendingWrite? last;

    public readonly bool IsEmpty => First is null;

    /// <summary>The oldest line.</summary>
    public PendingWrite? First { get; private set; }

    /// <summary>Whether there are two or more.</summary>
    public readonly bool HasSeveral => First != last;

    /// <summary>
    /// Moves the oldest line to the end. A writer who waits for the oldest of his lines then finds the others complete.
    /// </summary>
    public void MoveFirstToEnd()
    {
        var (first, next) = (First!, First!.DoneNext);
        if (next is null)
            return;
        first.DoneNext = null;
        First = (PendingWrite)next;
        Add(first);
    }

    public void Add(PendingWrite line) => Add(line, line);

    public void Add(LineChain others) => Add(others.First!, others.last!);

    private void Add(PendingWrite from, PendingWrite to)
    {
        if (last is null)
            First = from;
        else
            last.DoneNext = from;
        last = to;
    }
}
