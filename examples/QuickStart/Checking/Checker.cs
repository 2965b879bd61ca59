namespace QuickStart.Checking;

/// <summary>
/// Judges whether lines arrived exactly once and in order. It knows nothing but numbered lines and uses none of the library it judges, so that the
/// two cannot share an error.
/// </summary>
public static class Checker
{
    /// <summary>Judges a history that is over: a line on its way still would count as lost.</summary>
    public static Verdict Judge(IEnumerable<Entry> history)
    {
        var written = new HashSet<int>();
        var accepted = new HashSet<int>();
        var received = new HashSet<int>();
        var (repeated, outOfOrder, unknown, falselyAccepted, highest) = (0, 0, 0, 0, int.MinValue);
        foreach (var (step, number) in history)
        {
            switch (step)
            {
                case Step.Written:
                    written.Add(number);
                    break;
                case Step.Accepted:
                    accepted.Add(number);
                    if (!received.Contains(number))
                        falselyAccepted++;
                    break;
                case Step.Received when !written.Contains(number):
                    unknown++;
                    break;
                case Step.Received when !received.Add(number):
                    repeated++;
                    break;
                case Step.Received:
                    if (number < highest)
                        outOfOrder++;
                    highest = Math.Max(highest, number);
                    break;
            }
        }

        return new Verdict
        {
            Written = written.Count,
            Accepted = accepted.Count,
            Received = received.Count,
            Lost = written.Count - received.Count,
            Repeated = repeated,
            OutOfOrder = outOfOrder,
            Unknown = unknown,
            FalselyAccepted = falselyAccepted,
        };
    }
}
