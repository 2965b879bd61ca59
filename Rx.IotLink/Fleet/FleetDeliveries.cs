using System.Reactive.Disposables;

namespace Rx.IotLink;

/// <summary>
/// Gives the lines of a fleet's outbox to the links of this process. The record with which a link keeps a line takes it
/// out of the outbox: both are one commit, which needs the token of the link's claim.
/// </summary>
/// <remarks>
/// A link is looked up before its lines are read. So what was read was there after the link's claim, and no former
/// owner can have taken it.
/// </remarks>
/// <param name="mostOfOne">The most lines of a device that are read at once.</param>
/// <param name="read">
/// Reads the first lines of devices, oldest first; and which of their claims are fenced out.
/// </param>
/// <param name="refuse">
/// A line can never be sent: it stays in the outbox, with the reason, and is not read again.
/// </param>
/// <param name="report">Says that a link has changed its state.</param>
internal sealed class FleetDeliveries(
    int mostOfOne, Func<IReadOnlyList<SessionClaim>, Task<(IReadOnlyList<FleetEntry> Entries, IReadOnlySet<string> Gone)>> read,
    Func<long, string, Task> refuse, Action<SessionClaim, LinkState> report) : IDisposable
{
    private const int MostIds = 500;

    // Guarded by the lock: the links of this process, and those whose lines are to be read.
    private readonly Lock gate = new();
    private readonly Dictionary<string, Local> links = new(StringComparer.Ordinal);
    private readonly Queue<Local> wanted = new();
    private bool atWork;

    public void Dispose()
    {
        Local[] all;
        lock (gate)
            all = [.. links.Values];
        foreach (var local in all)
            local.Dispose();
    }

    /// <summary>A link of this process. Its lines are read now.</summary>
    public void Add(ILink link)
    {
        var local = new Local(this, link);
        lock (gate)
            links[link.Id] = local;
        local.Watch();
        Want([local]);
    }

    /// <summary>Reads the lines of a device soon, if its link is here.</summary>
    public void Want(string id)
    {
        Local? local;
        lock (gate)
            local = links.GetValueOrDefault(id);
        if (local is not null)
            Want([local]);
    }

    /// <summary>The same for all devices.</summary>
    public void WantAll()
    {
        Local[] all;
        lock (gate)
            all = [.. links.Values];
        Want(all);
    }

    private void Report(ILink link, LinkState state)
    {
        if ((link as Link)?.Claim is { } claim && state.Status != LinkStatus.Connecting)
            report(claim, state);
    }

    private void Remove(Local local)
    {
        lock (gate)
        {
            if (links.GetValueOrDefault(local.Link.Id) == local)
                links.Remove(local.Link.Id);
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

    private async Task DeliverAsync()
    {
        while (Take() is { Count: > 0 } some)
        {
            IReadOnlyList<FleetEntry> entries = [];
            try
            {
                var claims = some.Select(local => (local.Link as Link)?.Claim ?? new(local.Link.Id, 0)).ToArray();
                (entries, var gone) = await read(claims).ConfigureAwait(false);
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
    private static void EndLinks(List<Local> some, IReadOnlySet<string> gone)
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
    private async Task GiveAsync(Local local, FleetEntry[] entries)
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
            again = local.IsWanted || (isWhole && entries.Length == mostOfOne);
        }

        if (again)
            Want([local]);
    }

    /// <summary>False: the link does not take it now. Never throws.</summary>
    private async Task<bool> WriteAsync(ILink link, FleetEntry entry)
    {
        if (entry.Text is null)
            return await TryRefuseAsync(entry, "The line is not UTF-8.").ConfigureAwait(false);
        try
        {
            await link.WriteAsync(entry.Text, new WriteOptions
            {
                Until = WrittenUntil.Stored, TimeToLive = entry.TimeToLive, Key = entry.Key, Entry = entry.Number,
            }).ConfigureAwait(false);
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

    private async Task<bool> TryRefuseAsync(FleetEntry entry, string reason)
    {
        try
        {
            await refuse(entry.Number, reason).ConfigureAwait(false);
            return true;
        }
        catch (Exception)
        {
            return false;
        }
    }

    /// <summary>
    /// A link of this process. It watches the state of the link itself, until that or the deliveries end: thousands of
    /// links each hold one.
    /// </summary>
    private sealed class Local(FleetDeliveries deliveries, ILink link) : IObserver<LinkState>, IDisposable
    {
        private SingleAssignmentDisposableValue watching;

        public ILink Link => link;

        /// <summary>Whether its lines are being read, or are on the way to it.</summary>
        public bool IsBusy { get; set; }

        /// <summary>Whether they must be read again.</summary>
        public bool IsWanted { get; set; }

        public void Watch() => watching.Disposable = link.State.Subscribe(this);

        public void OnNext(LinkState value) => deliveries.Report(link, value);

        public void OnError(Exception error) => deliveries.Remove(this);

        public void OnCompleted() => deliveries.Remove(this);

        public void Dispose()
        {
            watching.Dispose();
            deliveries.Remove(this);
        }
    }
}

/// <summary>A line of a fleet's outbox.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Id">The device.</param>
/// <param name="Text">The line. Null: it is not UTF-8.</param>
/// <param name="TimeToLive">How long it may still wait to be sent; null: for ever.</param>
/// <param name="Key">What it is about, where only the last line counts; or null.</param>
internal sealed record FleetEntry(long Number, string Id, string? Text, TimeSpan? TimeToLive = null, string? Key = null);
