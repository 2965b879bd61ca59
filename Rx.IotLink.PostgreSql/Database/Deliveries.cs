using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Text;
using Npgsql;

namespace Rx.IotLink.PostgreSql.Database;

/// <summary>
/// Gives the lines of the fleet's outbox to the links of this process. The record with which a link keeps a line takes
/// it out of the outbox: both are one commit, which needs the token of the link's claim.
/// </summary>
/// <remarks>
/// A link is looked up before its lines are read. So what was read was there after the link's claim, and no former
/// owner can have taken it.
/// </remarks>
internal sealed class Deliveries : IDisposable
{
    /// <summary>How often all devices are looked at, if a notice was lost.</summary>
    public static readonly TimeSpan Sweep = TimeSpan.FromSeconds(5);

    private const int MostIds = 500;

    private readonly FleetOutbox outbox;
    private readonly Server server;
    private readonly Presence presence;
    private readonly InboxRoom? room;
    private readonly Func<Func<NpgsqlConnection, Task>, Task> run;
    private readonly CancellationTokenSource ending = new();
    private readonly CompositeDisposable subscriptions = [];

    // Guarded by the lock: the links of this process, and those whose lines are to be read.
    private readonly Lock gate = new();
    private readonly Dictionary<string, Local> links = new(StringComparer.Ordinal);
    private readonly Queue<Local> wanted = new();
    private bool atWork;
    private bool listens;

    /// <summary>Begins to deliver.</summary>
    /// <param name="links">The links of this process, each once.</param>
    /// <param name="scheduler">The clock of the sweep.</param>
    /// <param name="outbox">The table.</param>
    /// <param name="server">For the connection that hears of new lines.</param>
    /// <param name="presence">Which devices are here.</param>
    /// <param name="room">Deletes what the inbox need not hold any more; null: there is no inbox.</param>
    /// <param name="run">Does work on another connection.</param>
    public Deliveries(
        IObservable<ILink> links, IScheduler scheduler, FleetOutbox outbox, Server server, Presence presence, InboxRoom? room, Func<Func<NpgsqlConnection, Task>, Task> run)
    {
        (this.outbox, this.server, this.presence, this.room, this.run) = (outbox, server, presence, room, run);
        subscriptions.Add(links.Subscribe(Add, _ => { }));
        subscriptions.Add(Observable.Interval(Sweep, scheduler).StartWith(0L).Subscribe(_ => LookAtAll()));
    }

    public void Dispose()
    {
        subscriptions.Dispose();
        ending.Cancel();
        Local[] all;
        lock (gate)
            all = [.. links.Values];
        foreach (var local in all)
            local.Subscription.Dispose();
        _ = TryAsync(presence.LeaveAsync);
    }

    private void Add(ILink link)
    {
        var local = new Local(link);
        lock (gate)
            links[link.Id] = local;
        local.Subscription.Disposable = link.State.Finally(() => Remove(local)).Subscribe(state => Report(link, state), _ => { });
        Want([local]);
    }

    private void Report(ILink link, LinkState state)
    {
        if ((link as Link)?.Claim is { } claim && state.Status != LinkStatus.Connecting)
            presence.Set(claim, state);
    }

    private void Remove(Local local)
    {
        lock (gate)
        {
            if (links.GetValueOrDefault(local.Link.Id) == local)
                links.Remove(local.Link.Id);
        }
    }

    private void LookAtAll()
    {
        Local[] all;
        bool begins;
        lock (gate)
        {
            all = [.. links.Values];
            (begins, listens) = (!listens && !ending.IsCancellationRequested, true);
        }

        if (begins)
            _ = ListenAsync();
        _ = TryAsync(presence.LiveAsync);
        if (room is not null)
            _ = TryAsync(room.MakeAsync);
        Want(all);
    }

    /// <summary>The next sweep tries again.</summary>
    private static async Task TryAsync(Func<Task> work)
    {
        try
        {
            await work().ConfigureAwait(false);
        }
        catch (Exception e) when (e is SessionStoreException or ObjectDisposedException or OperationCanceledException)
        {
            // The database is away, or the store is closed.
        }
    }

    /// <summary>Reads the lines of these links soon.</summary>
    private void Want(ReadOnlySpan<Local> some)
    {
        lock (gate)
        {
            foreach (var local in some)
            {
                local.IsWanted = true;
                if (local.IsBusy)
                    continue;
                local.IsBusy = true;
                wanted.Enqueue(local);
            }

            if (atWork || wanted.Count == 0)
                return;
            atWork = true;
        }

        _ = DeliverAsync();
    }

    /// <summary>Hears of new lines, until the connection is lost. The next sweep begins again.</summary>
    private async Task ListenAsync()
    {
        try
        {
            await server.RunAsync(HearAsync, ending.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SessionStoreException or OperationCanceledException or ObjectDisposedException)
        {
            // The sweep finds what is missed meanwhile.
        }
        finally
        {
            lock (gate)
                listens = false;
        }
    }

    private async Task<bool> HearAsync(NpgsqlConnection connection)
    {
        connection.Notification += (_, notice) => Hear(notice.Payload);
        var listening = new NpgsqlCommand(outbox.Listen, connection);
        await using (listening.ConfigureAwait(false))
            await listening.ExecuteNonQueryAsync(ending.Token).ConfigureAwait(false);
        while (true)
            await connection.WaitAsync(ending.Token).ConfigureAwait(false);
    }

    private void Hear(string payload)
    {
        Local? local;
        try
        {
            var id = Encoding.UTF8.GetString(Convert.FromHexString(payload));
            lock (gate)
                local = links.GetValueOrDefault(id);
        }
        catch (FormatException)
        {
            // A notice of another program on this channel.
            return;
        }

        if (local is not null)
            Want([local]);
    }

    private async Task DeliverAsync()
    {
        while (Take() is { Count: > 0 } some)
        {
            IReadOnlyList<FleetOutbox.Entry> entries = [];
            try
            {
                var claims = some.Select(local => (local.Link as Link)?.Claim ?? new(local.Link.Id, 0)).ToArray();
                HashSet<string> gone = [];
                await run(async connection => (entries, gone) = await outbox.ReadAsync(connection, claims).ConfigureAwait(false)).ConfigureAwait(false);
                EndLinks(some, gone);
            }
            catch (Exception)
            {
                // Whatever it was, the lines of others are read, and the next sweep reads these.
                entries = [];
            }

            var byId = entries.ToLookup(entry => entry.Id, StringComparer.Ordinal);
            foreach (var local in some)
                _ = GiveAsync(local, [.. byId[local.Link.Id]]);
        }
    }

    /// <summary>
    /// Ends links whose devices another server has by now: a link at rest would learn that with its next commit alone.
    /// </summary>
    private static void EndLinks(List<Local> some, HashSet<string> gone)
    {
        foreach (var local in some.Where(local => gone.Contains(local.Link.Id)))
            (local.Link as Link)?.FenceOut();
    }

    private List<Local> Take()
    {
        var some = new List<Local>();
        lock (gate)
        {
            while (some.Count < MostIds && wanted.TryDequeue(out var local))
            {
                local.IsWanted = false;
                some.Add(local);
            }

            atWork = some.Count > 0;
        }

        return some;
    }

    /// <summary>Writes lines to a link, and waits until they are kept: only then may its lines be read again.</summary>
    private async Task GiveAsync(Local local, FleetOutbox.Entry[] entries)
    {
        var isWhole = true;
        var writes = new List<Task<bool>>();
        foreach (var entry in entries)
        {
            var write = WriteAsync(local.Link, entry);
            writes.Add(write);
            // What comes after a line that has no room waits with it.
            if (!write.IsCompleted || await write.ConfigureAwait(false))
                continue;
            isWhole = false;
            break;
        }

        foreach (var write in writes)
            isWhole &= await write.ConfigureAwait(false);
        bool again;
        lock (gate)
        {
            local.IsBusy = false;
            again = local.IsWanted || (isWhole && entries.Length == FleetOutbox.MostOfOne);
        }

        if (again)
            Want([local]);
    }

    /// <summary>False: the link does not take it now. Never throws.</summary>
    private async Task<bool> WriteAsync(ILink link, FleetOutbox.Entry entry)
    {
        if (entry.Text is null)
            return await TryRefuseAsync(entry, "The line is not UTF-8.").ConfigureAwait(false);
        try
        {
            await link.WriteAsync(entry.Text, new WriteOptions { Until = WrittenUntil.Stored, Entry = entry.Number }).ConfigureAwait(false);
            return true;
        }
        catch (ArgumentException e)
        {
            return await TryRefuseAsync(entry, e.Message).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // The link has ended, or is full. The line stays in the outbox.
            return false;
        }
    }

    private async Task<bool> TryRefuseAsync(FleetOutbox.Entry entry, string reason)
    {
        try
        {
            await run(connection => outbox.RefuseAsync(connection, entry.Number, reason)).ConfigureAwait(false);
            return true;
        }
        catch (Exception)
        {
            return false;
        }
    }

    /// <summary>A link of this process.</summary>
    private sealed class Local(ILink link)
    {
        public ILink Link => link;

        /// <summary>Ends with the link, or with the deliveries.</summary>
        public SingleAssignmentDisposable Subscription { get; } = new();

        /// <summary>Whether its lines are being read, or are on the way to it.</summary>
        public bool IsBusy { get; set; }

        /// <summary>Whether they must be read again.</summary>
        public bool IsWanted { get; set; }
    }
}
