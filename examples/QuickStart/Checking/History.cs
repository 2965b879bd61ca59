namespace QuickStart.Checking;

/// <summary>What can happen to a numbered line.</summary>
public enum Step
{
    /// <summary>It was given to the link.</summary>
    Written,

    /// <summary>The link said that the other end has accepted it.</summary>
    Accepted,

    /// <summary>The other end's application was given it.</summary>
    Received,
}

/// <summary>One step of one line.</summary>
/// <param name="Step">What happened.</param>
/// <param name="Number">The number that the line carries in its text.</param>
public readonly record struct Entry(Step Step, int Number);

/// <summary>Everything that happened to the lines of one device in one direction, in the order it happened. Written to from both ends' threads.</summary>
public sealed class History
{
    private readonly Lock _gate = new();
    private readonly List<Entry> _entries = [];
    private readonly int[] _counts = new int[3];

    /// <summary>A number for the next line, from 0, noted as written.</summary>
    public int Write()
    {
        lock (_gate)
        {
            var number = _counts[(int)Step.Written];
            Note(new Entry(Step.Written, number));
            return number;
        }
    }

    /// <summary>Notes that the link said a line was accepted.</summary>
    public void Accepted(int number)
    {
        lock (_gate)
            Note(new Entry(Step.Accepted, number));
    }

    /// <summary>Notes that the other end received a line.</summary>
    public void Received(int number)
    {
        lock (_gate)
            Note(new Entry(Step.Received, number));
    }

    /// <summary>How often a step was taken so far.</summary>
    public int Count(Step step)
    {
        lock (_gate)
            return _counts[(int)step];
    }

    /// <summary>A copy of what happened so far.</summary>
    public IReadOnlyList<Entry> Entries()
    {
        lock (_gate)
            return [.. _entries];
    }

    private void Note(Entry entry)
    {
        _entries.Add(entry);
        _counts[(int)entry.Step]++;
    }
}
