using System.Diagnostics;

namespace Rx.IotLink.Protocol;

/// <summary>
/// The lines that a protocol has delivered and the application has not handled, oldest first, each with what the
/// protocol must know to accept it. The lines of a link are numbered as they are delivered, so a line is known by its
/// number here, and never by its place: those of another protocol may lie in between. The inbox of the link bounds
/// it.
/// </summary>
internal struct WaitingLines<T>
{
    // Made with the first line: an idle link has none.
    private Queue<(long Line, T What)>? lines;
    private long last;

    public readonly int Count => lines?.Count ?? 0;

    /// <summary>Adds a line that was just delivered.</summary>
    public void Add(long line, T what)
    {
        Debug.Assert(line > last, "lines are delivered in the order of their numbers");
        last = line;
        (lines ??= new()).Enqueue((line, what));
    }

    /// <summary>Takes the oldest line out, if its number is not greater than this one.</summary>
    public readonly bool TryTakeThrough(long line, out T? what)
    {
        what = default;
        if (lines is null || !lines.TryPeek(out var oldest) || oldest.Line > line)
            return false;
        what = oldest.What;
        lines.Dequeue();
        return true;
    }
}
