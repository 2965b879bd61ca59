using System.Reactive.Concurrency;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Time;

namespace Rx.IotLink.Server;

/// <summary>
/// Ends links whose key is no longer one of their device's keys. The keys are foreign code, which may wait and throw:
/// so they are read on a thread of the stores, one at a time.
/// </summary>
/// <param name="keys">The keys; null: the server asks for none.</param>
/// <param name="registry">The links.</param>
/// <param name="scheduler">The clock; in virtual time all runs on its thread.</param>
/// <param name="log">Where failures are logged.</param>
internal sealed class Revocation(IDeviceKeys? keys, DeviceRegistry registry, IScheduler scheduler, ServerLog log) : IDisposable
{
    /// <summary>With more changed ids than this, all ids are checked.</summary>
    private const int MaxIds = 1_024;

    private readonly Lock gate = new();
    private readonly IScheduler threads = ReferenceEquals(scheduler, DefaultScheduler.Instance) ? ObserverThreads.Stores : scheduler;
    private HashSet<string> due = new(StringComparer.Ordinal);
    private bool allDue;
    private bool looks;
    private int changes;
    private IDisposable? subscription;

    /// <summary>
    /// How often keys have changed. Read before a key is looked up, it shows later whether the key is still valid when
    /// its link is served.
    /// </summary>
    public int Changes => Volatile.Read(ref changes);

    /// <summary>Begins to observe changes.</summary>
    public void Start() => subscription = keys?.Changed.Subscribe(Changed, log.ChangesOfKeysFailed);

    public void Dispose() => subscription?.Dispose();

    /// <summary>A link is served by a connection that proved its key when there had been this many changes.</summary>
    public void Served(string id, int changesBefore)
    {
        // Either the next check sees this connection, or this code sees the change that starts the check.
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

    /// <summary>The links to check next. Null: none, and the check is over.</summary>
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
            // It is unknown whether the key is revoked: the link stays up, as if no change had been reported.
            log.KeysOfFailed(link.Id, exception);
        }
    }

    /// <summary>
    /// Only a device with protocol 1 is served without a proof, and an id with a key may not use that.
    /// </summary>
    private static bool IsGood(ulong mark, ReadOnlyMemory<byte>[] keys) => mark == 0 ? keys.Length == 0 : keys.Any(k => Proof.Mark(k.Span) == mark);
}
