using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Text;
using Npgsql;

namespace Rx.IotLink.PostgreSql.Database;

/// <summary>
/// What a server does for the fleet beside its links: it hears of lines that others wrote for its devices, says which
/// devices are here, and deletes what the inbox need not hold any more.
/// </summary>
internal sealed class Deliveries : IDisposable
{
    /// <summary>How often all devices are looked at, if a notice was lost.</summary>
    public static readonly TimeSpan Sweep = TimeSpan.FromSeconds(5);

    private readonly FleetOutbox outbox;
    private readonly Server server;
    private readonly Presence presence;
    private readonly InboxRoom? room;
    private readonly Func<Func<NpgsqlConnection, Task>, Task> run;
    private readonly FleetDeliveries lines;
    private readonly CancellationTokenSource ending = new();
    private readonly CompositeDisposable subscriptions = [];

    private readonly Lock gate = new();

    // Guarded by the lock.
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
        lines = new(FleetOutbox.MostOfOne, ReadAsync, (number, reason) => run(connection => outbox.RefuseAsync(connection, number, reason)), presence.Set);
        subscriptions.Add(links.Subscribe(lines.Add, _ => { }));
        subscriptions.Add(Observable.Interval(Sweep, scheduler).StartWith(0L).Subscribe(_ => LookAtAll()));

        async Task<(IReadOnlyList<FleetEntry> Entries, IReadOnlySet<string> Gone)> ReadAsync(IReadOnlyList<SessionClaim> claims)
        {
            (IReadOnlyList<FleetEntry>, HashSet<string>) answer = ([], []);
            await run(async connection => answer = await outbox.ReadAsync(connection, claims).ConfigureAwait(false)).ConfigureAwait(false);
            return answer;
        }
    }

    public void Dispose()
    {
        subscriptions.Dispose();
        ending.Cancel();
        lines.Dispose();
        _ = TryAsync(presence.LeaveAsync);
    }

    private void LookAtAll()
    {
        bool begins;
        lock (gate)
            (begins, listens) = (!listens && !ending.IsCancellationRequested, true);

        if (begins)
            _ = ListenAsync();
        _ = TryAsync(presence.LiveAsync);
        _ = TryAsync(() => run(outbox.SweepAsync));
        if (room is not null)
            _ = TryAsync(room.MakeAsync);
        lines.WantAll();
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
        try
        {
            lines.Want(Encoding.UTF8.GetString(Convert.FromHexString(payload)));
        }
        catch (FormatException)
        {
            // A notice of another program on this channel.
        }
    }
}
