using System.Reactive;
using Rx.IotLink;

namespace Soak;

/// <summary>
/// Watches that what has ended is let go: at the end of a life no observer may still be held, neither by the links that
/// are there nor by those of processes that crashed, and none of the latter. It asks the garbage collector, which
/// nobody can talk out of what it finds; that takes as long as a life, so only one life in a hundred is asked.
/// </summary>
internal sealed class ReleaseWatch(int seed, Action<string> violation)
{
    /// <summary>One life in so many is asked.</summary>
    public const int Every = 100;

    /// <summary>
    /// While other lives are lived and collected beside it, what is unreachable can outlive some collections (up to 61
    /// were seen); what is held outlives all.
    /// </summary>
    private const int Collections = 500;

    private readonly bool asks = seed % Every == 0;
    private readonly List<(string What, WeakReference Observer)> observers = [];
    private readonly List<WeakReference> links = [];

    /// <summary>An observer, to be subscribed once.</summary>
    /// <param name="what">What it observes.</param>
    /// <param name="onNext">What it does with each value.</param>
    public IObserver<T> Observer<T>(string what, Action<T> onNext)
    {
        var observer = System.Reactive.Observer.Create(onNext, static _ => { });
        if (asks)
            observers.Add((what, new WeakReference(observer)));
        return observer;
    }

    /// <summary>A process has this link.</summary>
    public void Made(ILink link)
    {
        if (asks)
            links.Add(new WeakReference(link));
    }

    /// <summary>Everything is closed and unsubscribed, and time has passed.</summary>
    /// <param name="present">The links of the processes that ran last, which live on.</param>
    public void Check(IReadOnlyCollection<ILink> present)
    {
        if (!asks)
            return;
        for (var left = Collections; left > 0 && (observers.Exists(o => o.Observer.IsAlive) || Ghosts(present) > 0); left--)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        foreach (var held in observers.Where(o => o.Observer.IsAlive).CountBy(o => o.What))
            violation($"left over at the end: {held.Value} observers of {held.Key}");
        if (Ghosts(present) is > 0 and var ghosts)
            violation($"left over at the end: {ghosts} links of processes that crashed");
        GC.KeepAlive(present);
    }

    private int Ghosts(IReadOnlyCollection<ILink> present) => links.Count(link => link.Target is ILink alive && !present.Contains(alive));
}
