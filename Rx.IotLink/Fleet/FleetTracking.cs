namespace Rx.IotLink;

/// <summary>
/// Finds in the records that one process keeps what has become of lines of its own outbox. For a store that no other
/// process writes.
/// </summary>
/// <param name="reports">Takes what is found.</param>
internal sealed class FleetTracking(FleetReports reports)
{
    // The lines in links whose writers wait: their numbers in the outbox by their positions.
    private readonly Dictionary<string, SortedDictionary<long, long>> taken = new(StringComparer.Ordinal);

    /// <summary>A batch is kept. One call at a time.</summary>
    public void Kept(IReadOnlyList<SessionWrite> batch, IReadOnlyCollection<SessionClaim> fenced)
    {
        for (var at = 0; at < batch.Count; at++)
        {
            var (claim, record) = batch[at];
            if (record.Entry != 0 && !fenced.Contains(claim) && reports.Awaits(record.Entry))
                Of(claim.Id)[record.Position] = record.Entry;
            else if (taken.Count > 0 && taken.TryGetValue(claim.Id, out var lines) && !fenced.Contains(claim))
                Apply(claim.Id, lines, record);
        }
    }

    private SortedDictionary<long, long> Of(string id)
    {
        if (!taken.TryGetValue(id, out var lines))
            taken.Add(id, lines = []);
        return lines;
    }

    private void Apply(string id, SortedDictionary<long, long> lines, in SessionRecord record)
    {
        switch (record.Kind)
        {
            case SessionRecordKind.Remove:
                End(lines, record.Position, record.IsAccepted ? FleetOutcome.Accepted : FleetOutcome.Dropped);
                break;
            case SessionRecordKind.RemoveThrough:
                var through = record.Position;
                foreach (var position in record.GivenUp ?? [])
                    End(lines, position, FleetOutcome.Dropped);
                foreach (var position in lines.Keys.TakeWhile(position => position <= through).ToArray())
                    End(lines, position, FleetOutcome.Accepted);
                break;
            case SessionRecordKind.Forget:
                foreach (var position in lines.Keys.ToArray())
                    End(lines, position, FleetOutcome.Forgotten);
                break;
        }

        if (lines.Count == 0)
            taken.Remove(id);
    }

    private void End(SortedDictionary<long, long> lines, long position, FleetOutcome outcome)
    {
        if (lines.Remove(position, out var entry))
            reports.Tell(new(entry, outcome));
    }
}
