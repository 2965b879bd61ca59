using System.Reactive;
using System.Runtime.CompilerServices;
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
    /// The pauses between collections, in milliseconds. While other lives are lived and collected beside it, what is
    /// unreachable can outlive some collections, since another thread still has it in hand; what is held outlives all.
    /// That is a matter of time, not of the number of collections. Each of these stops all other lives, too: so there
    /// are few, further and further apart.
    /// </summary>
    private static readonly int[] Pauses = [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048];

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
        foreach (var pause in Pauses)
        {
            if (!IsAnythingLeft(present))
                break;
            SpinWait.SpinUntil(() => !IsAnythingLeft(present), pause);
            Collect();
        }

        foreach (var held in observers.Where(o => o.Observer.IsAlive).CountBy(o => o.What))
            violation($"left over at the end: {held.Value} observers of {held.Key}");
        if (Ghosts(present) is > 0 and var ghosts)
            violation($"left over at the end: {ghosts} links of processes that crashed");
        GC.KeepAlive(present);
    }

    private bool IsAnythingLeft(IReadOnlyCollection<ILink> present) => observers.Exists(o => o.Observer.IsAlive) || Ghosts(present) > 0;

    /// <summary>Twice, since what has a finalizer is let go only after that.</summary>
    private static void Collect()
    {
        for (var time = 0; time < 2; time++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    // Not inlined: no frame that lasts has a link in hand while it collects.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int Ghosts(IReadOnlyCollection<ILink> present) => links.Count(link => link.Target is ILink alive && !present.Contains(alive));
}
