using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using Microsoft.Data.Sqlite;
using Rx.IotLink.Sqlite.Database;

namespace Rx.IotLink.Sqlite;

/// <summary>
/// Gives lines of the outbox to links as soon as their transaction is committed, and deletes what the inbox need not
/// hold any more.
/// </summary>
internal sealed class SqliteDeliveries : IDisposable
{
    /// <summary>How often all devices are looked at: a link that was full may have room.</summary>
    private static readonly TimeSpan Sweep = TimeSpan.FromSeconds(5);

    /// <summary>How often transactions are looked at that have lines and have not ended.</summary>
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(10);

    private const int MostDeleted = 10_000;

    private readonly SqliteSessionStore store;
    private readonly IScheduler scheduler;
    private readonly FleetDeliveries lines;
    private readonly CompositeDisposable subscriptions = [];
    private readonly MultipleAssignmentDisposable nextLook = new();

    // Guarded by the lock: transactions that have not ended, and their devices.
    private readonly Lock gate = new();
    private readonly List<(SqliteTransaction Transaction, string Id)> open = [];
    private bool looks;

    public SqliteDeliveries(SqliteSessionStore store, IObservable<ILink> links, IScheduler scheduler, Action<string, LinkState> report)
    {
        (this.store, this.scheduler) = (store, scheduler);
        lines = new(OutboxRows.MostOfOne, ReadAsync, store.Fleet.RefuseAsync, (claim, state) => report(claim.Id, state));
        subscriptions.Add(links.Subscribe(lines.Add, _ => { }));
        subscriptions.Add(Observable.Interval(Sweep, scheduler).Subscribe(_ => LookAtAll()));
    }

    public void Dispose()
    {
        subscriptions.Dispose();
        nextLook.Dispose();
        lines.Dispose();
    }

    /// <summary>There are lines for a device.</summary>
    public void Want(string id) => lines.Want(id);

    /// <summary>
    /// There may be lines for a device once a transaction has ended. SQLite does not say when that is, and no hook of
    /// it is this library's to take.
    /// </summary>
    public void WantAfter(SqliteTransaction transaction, string id)
    {
        lock (gate)
        {
            open.Add((transaction, id));
            if (looks)
                return;
            looks = true;
        }

        LookLater();
    }

    private void LookLater() => nextLook.Disposable = Observable.Timer(BetweenLooks, scheduler).Subscribe(_ => LookAtOpen());

    private void LookAtOpen()
    {
        List<string> ended;
        bool again;
        lock (gate)
        {
            ended = [];
            // Each is looked at once: it may end at any moment.
            open.RemoveAll(one =>
            {
                if (one.Transaction.Connection is not null)
                    return false;
                ended.Add(one.Id);
                return true;
            });
            again = looks = open.Count > 0;
        }

        foreach (var id in ended)
            lines.Want(id);
        if (again)
            LookLater();
    }

    private void LookAtAll()
    {
        lines.WantAll();
        _ = TryAsync(store.Fleet.ExpireAsync);
        if (store.Options.Inbox)
            _ = MakeRoomAsync();
    }

    private Task MakeRoomAsync() => TryAsync(() => store.WriteForFleetAsync(to => to.InTransaction(() => to.Consumers.MakeRoom(store.Options.InboxFor, MostDeleted))));

    /// <summary>The next sweep tries again.</summary>
    private static async Task TryAsync(Func<Task> work)
    {
        try
        {
            await work().ConfigureAwait(false);
        }
        catch (Exception e) when (e is SessionStoreException or ObjectDisposedException)
        {
            // The file cannot be written now, or is closed.
        }
    }

    private async Task<(IReadOnlyList<FleetEntry> Entries, IReadOnlySet<string> Gone)> ReadAsync(IReadOnlyList<SessionClaim> claims) =>
        (await store.ReadForFleetAsync(from => claims.SelectMany(claim => from.Entries(claim.Id)).ToList()).ConfigureAwait(false), new HashSet<string>());
}
