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
    // The oldest line, and those after it: a link where one line comes now and then has no queue.
    private (long Line, T What) first;
    private bool any;
    private Queue<(long Line, T What)>? others;
    private long last;

    public readonly int Count => any ? 1 + (others?.Count ?? 0) : 0;

    /// <summary>Adds a line that was just delivered.</summary>
    public void Add(long line, T what)
    {
        Debug.Assert(line > last, "lines are delivered in the order of their numbers");
        last = line;
        if (any)
            (others ??= new()).Enqueue((line, what));
        else
            (first, any) = ((line, what), true);
    }

    /// <summary>Takes the oldest line out, if its number is not greater than this one.</summary>
    public bool TryTakeThrough(long line, out T? what)
    {
        what = default;
        if (!any || first.Line > line)
            return false;
        what = first.What;
        if (others is null || !others.TryDequeue(out first))
            (first, any) = (default, false);
        return true;
    }
}
