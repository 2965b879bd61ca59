using System.Reactive.Concurrency;

namespace Rx.IotLink.Server;

/// <summary>
/// Keeps those who repeat themselves from filling a log. The first of a topic are said at once; those that follow
/// within a few seconds are counted, and their number is said afterwards. So what is said and what is counted add up.
/// </summary>
/// <typeparam name="TTopic">What is told apart: a kind of event, and whom it is about.</typeparam>
/// <param name="scheduler">The clock.</param>
/// <param name="every">How long what follows is gathered.</param>
/// <param name="maxTopics">Topics that are told apart at a time; one beyond them counts for a wider one.</param>
/// <param name="widen">The wider topic: the same kind, whoever it is about. There must be few of them.</param>
/// <param name="sayMore">Says how many more there were. Called outside of any lock.</param>
internal sealed class Digest<TTopic>(IScheduler scheduler, TimeSpan every, int maxTopics, Func<TTopic, TTopic> widen, Action<TTopic, int> sayMore)
    where TTopic : notnull
{
    private readonly Lock gate = new();
    private Dictionary<TTopic, int> counts = [];
    private int most;
    private IDisposable? timer;
    private bool waits;
    private bool closed;

    /// <summary>Counts one; true: it is among the first of its topic, and is to be said now.</summary>
    /// <param name="topic">What it is about.</param>
    /// <param name="first">How many are said at once.</param>
    public bool MaySay(TTopic topic, int first = 1)
    {
        bool may;
        bool begins;
        lock (gate)
        {
            // Nobody would say later what is counted now.
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

    /// <summary>Says what has gathered; from now on everything may be said.</summary>
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
        // A clock is somebody else's: it is not called under the lock.
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
