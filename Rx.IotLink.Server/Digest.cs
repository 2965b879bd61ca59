using System.Reactive.Concurrency;

namespace Rx.IotLink.Server;

/// <summary>
/// Prevents repeated entries from filling a log. The first entries of a topic are written at once. Those that follow
/// within a few seconds are counted, and then their number is written. So written and counted entries add up.
/// </summary>
/// <typeparam name="TTopic">The topic: a kind of event, and its subject.</typeparam>
/// <param name="scheduler">The clock.</param>
/// <param name="every">How long further entries are counted.</param>
/// <param name="maxTopics">The most topics at a time; a further one counts for a wider topic.</param>
/// <param name="widen">The wider topic: the same kind with any subject. There must be few of them.</param>
/// <param name="sayMore">Writes how many more there were. Called outside any lock.</param>
internal sealed class Digest<TTopic>(IScheduler scheduler, TimeSpan every, int maxTopics, Func<TTopic, TTopic> widen, Action<TTopic, int> sayMore)
    where TTopic : notnull
{
    private readonly Lock gate = new();
    private Dictionary<TTopic, int> counts = [];
    private int most;
    private IDisposable? timer;
    private bool waits;
    private bool closed;

    /// <summary>Counts one entry; true: it is among the first of its topic, and must be written now.</summary>
    /// <param name="topic">Its topic.</param>
    /// <param name="first">How many are written at once.</param>
    public bool MaySay(TTopic topic, int first = 1)
    {
        bool may;
        bool begins;
        lock (gate)
        {
            // An entry that is counted now would never be written.
            if (closed)
                return true;
            if (!counts.ContainsKey(topic) && most >= maxTopics)
                topic = widen(topic);
            else if (!counts.ContainsKey(topic))
                most++;
            var count = counts.GetValueOrDefault(topic, -first) + 1;
            counts[topic] = count;
            may = count <= 0;
            begins = !waits;
            waits = true;
        }

        if (begins)
            Begin();
        return may;
    }

    /// <summary>Writes the counts; from now on every entry may be written.</summary>
    public void Close()
    {
        IDisposable? ending;
        lock (gate)
        {
            closed = true;
            (ending, timer) = (timer, null);
        }

        ending?.Dispose();
        SayWhatFollowed();
    }

    private void Begin()
    {
        // A clock is foreign code: it is not called under the lock.
        var set = scheduler.Schedule(every, SayWhatFollowed);
        lock (gate)
        {
            if (!closed)
            {
                (set, timer) = (null, set);
            }
        }

        set?.Dispose();
    }

    private void SayWhatFollowed()
    {
        Dictionary<TTopic, int> said;
        lock (gate)
            (said, counts, most, waits) = (counts, [], 0, false);
        foreach (var (topic, count) in said)
        {
            if (count > 0)
                sayMore(topic, count);
        }
    }
}
