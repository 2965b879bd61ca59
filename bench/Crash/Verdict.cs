using Crash.Ends;

namespace Crash;

/// <summary>One direction: the lines that were reported as stored, held against the table of the other end.</summary>
/// <param name="Stored">Lines that were reported as stored.</param>
/// <param name="Taken">Lines in the table.</param>
/// <param name="Unreported">Those of them that were not reported as stored: their writer was killed meanwhile.</param>
/// <param name="GivenAgain">How often a line was given that the table had already.</param>
/// <param name="Lost">Stored, and not in the table.</param>
/// <param name="Repeated">In the table more than once.</param>
/// <param name="OutOfOrder">Behind a line in the table that was written after it.</param>
internal sealed record Verdict(long Stored, long Taken, long Unreported, long GivenAgain, long Lost, long Repeated, long OutOfOrder)
{
    /// <summary>Whether each line is there once, and in its place.</summary>
    public bool IsGood => Lost == 0 && Repeated == 0 && OutOfOrder == 0;

    /// <summary>Judges one direction of one link.</summary>
    /// <param name="stored">The numbers of the lines that were reported as stored.</param>
    /// <param name="taken">The table.</param>
    public static Verdict Of(IEnumerable<long> stored, IReadOnlyList<(string Text, int Given)> taken)
    {
        var missing = stored.ToHashSet();
        var count = missing.Count;
        var (had, highest) = (new HashSet<long>(), 0L);
        var (unreported, repeated, outOfOrder) = (0L, 0L, 0L);
        foreach (var (text, _) in taken)
        {
            var number = Sent.NumberOf(text);
            if (!had.Add(number))
                repeated++;
            else if (number < highest)
                outOfOrder++;
            else if (!missing.Contains(number))
                unreported++;
            missing.Remove(number);
            highest = Math.Max(highest, number);
        }

        return new(count, taken.Count, unreported, taken.Sum(line => line.Given - 1L), missing.Count, repeated, outOfOrder);
    }

    /// <summary>Both together.</summary>
    public static Verdict operator +(Verdict a, Verdict b) => new(
        a.Stored + b.Stored, a.Taken + b.Taken, a.Unreported + b.Unreported, a.GivenAgain + b.GivenAgain, a.Lost + b.Lost, a.Repeated + b.Repeated, a.OutOfOrder + b.OutOfOrder);
}
