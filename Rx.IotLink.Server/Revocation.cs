using System.Reactive.Concurrency;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Time;

namespace Rx.IotLink.Server;

/// <summary>
/// Ends links whose key is no longer one of their device's. The keys are somebody else's, who may wait and throw:
/// they are asked on a thread of the stores, one look at a time.
/// </summary>
/// <param name="keys">The keys; null: none are asked for.</param>
/// <param name="registry">The links.</param>
/// <param name="scheduler">The clock: in virtual time its thread is not left.</param>
/// <param name="log">Where failures are logged.</param>
internal sealed class Revocation(IDeviceKeys? keys, DeviceRegistry registry, IScheduler scheduler, ServerLog log) : IDisposable
{
    /// <summary>More ids than these are looked at as all are.</summary>
    private const int MaxIds = 1_024;

    private readonly Lock gate = new();
    private readonly IScheduler threads = ReferenceEquals(scheduler, DefaultScheduler.Instance) ? ObserverThreads.Stores : scheduler;
    private HashSet<string> due = new(StringComparer.Ordinal);
    private bool allDue;
    private bool looks;
    private int changes;
    private IDisposable? subscription;

    /// <summary>
    /// How often keys have changed. Whoever reads it before a key is found tells by it whether the key is still good
    /// when its link is served.
    /// </summary>
    public int Changes => Volatile.Read(ref changes);

    /// <summary>Begins to listen to changes.</summary>
    public void Start() => subscription = keys?.Changed.Subscribe(Changed, log.ChangesOfKeysFailed);

    public void Dispose() => subscription?.Dispose();

    /// <summary>A link is being served by a connection that proved its key when so many changes had been.</summary>
    public void Served(string id, int changesBefore)
    {
        // The connection is seen by a look from here on, or the change that set it off is seen here.
        Interlocked.MemoryBarrier();
        if (Changes != changesBefore)
            Look(id);
    }

    private void Changed(string? id)
    {
        Interlocked.Increment(ref changes);
        Look(id);
    }

    private void Look(string? id)
    {
        lock (gate)
        {
            allDue |= id is null || due.Count >= MaxIds;
            if (id is not null && !allDue)
                due.Add(id);
            if (looks)
                return;
            looks = true;
        }

        threads.Run(this, static self => self.LookAtAll());
    }

    private void LookAtAll()
    {
        while (Take() is { } links)
        {
            foreach (var link in links)
                LookAt(link);
        }
    }

    /// <summary>Whose turn it is. Null: nobody's, and this look is over.</summary>
    private IEnumerable<Link>? Take()
    {
        HashSet<string> ids;
        lock (gate)
        {
            if (!allDue && due.Count == 0)
            {
                looks = false;
                return null;
            }

            ids = due;
            due = new(StringComparer.Ordinal);
            if (!allDue)
                return ids.Select(registry.Find).OfType<Link>();
            allDue = false;
        }

        return registry.All;
    }

    private void LookAt(Link link)
    {
        try
        {
            if (link.Serving is { } session && !IsGood(session.KeyMark, Proof.Usable(keys!.KeysOf(link.Id))))
                link.Dismiss(session, Farewell.KeyRevoked, new Outage(OutageReason.KeyRevoked, "the key that it has proved is no longer its key"));
        }
        catch (Exception exception)
        {
            // Whether its key is revoked is not known: it stays up, as it would if nobody had told of a change.
            log.KeysOfFailed(link.Id, exception);
        }
    }

    /// <summary>Without a proof is served who speaks protocol 1, which an id with a key may not.</summary>
    private static bool IsGood(ulong mark, ReadOnlyMemory<byte>[] keys) => mark == 0 ? keys.Length == 0 : keys.Any(k => Proof.Mark(k.Span) == mark);
}
