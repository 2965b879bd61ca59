using System.Reactive.Concurrency;

namespace Rx.IotLink.Server;

/// <summary>
/// Keeps strangers from filling the log. The first refusal of a kind from an origin is logged at once; those that
/// follow within a few seconds are counted, and said together with their
/// number. What is not logged is still in the counters.
/// </summary>
/// <param name="scheduler">The clock.</param>
/// <param name="every">How long what follows is gathered.</param>
/// <param name="maxKinds">Kinds and origins that are told apart at a time; what is beyond them counts as of one unknown
/// origin.</param>
/// <param name="sayAgain">Says how many more there were: the kind, the origin (null: several), the number. Called
/// outside of any lock.</param>
internal sealed class RefusalDigest(IScheduler scheduler, TimeSpan every, int maxKinds, Action<Refusal, Origin?, int> sayAgain)
{
    private readonly Lock gate = new();
    private Dictionary<(Refusal Kind, Origin? Origin), int> following = [];
    private bool waits;

    /// <summary>Counts a refusal; true: it is the first of its kind, to be logged now.</summary>
    public bool IsFirst(Refusal kind, Origin? origin)
    {
        bool first;
        bool begins;
        lock (gate)
        {
            var key = (kind, origin);
            if (!following.ContainsKey(key) && following.Count >= maxKinds)
                key = (kind, null);
            first = !following.TryGetValue(key, out var count);
            following[key] = first ? 0 : count + 1;
            begins = !waits;
            waits = true;
        }

        if (begins)
            scheduler.Schedule(every, SayWhatFollowed);
        return first;
    }

    private void SayWhatFollowed()
    {
        Dictionary<(Refusal Kind, Origin? Origin), int> said;
        lock (gate)
            (said, following, waits) = (following, [], false);
        foreach (var ((kind, origin), count) in said)
        {
            if (count > 0)
                sayAgain(kind, origin, count);
        }
    }
}
