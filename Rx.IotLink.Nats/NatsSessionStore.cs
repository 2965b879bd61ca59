using System.Collections.Concurrent;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using NATS.Client.Core;
using NATS.Client.JetStream;
using Rx.IotLink.Nats.Log;
using Rx.IotLink.Nats.Received;

namespace Rx.IotLink.Nats;

/// <summary>
/// Keeps the memories of a fleet in NATS JetStream, for any number of servers. A device may connect to any of them:
/// that one claims its memory, and the former owner can write it no more, even if it was stopped meanwhile.
/// </summary>
/// <remarks>
/// <para>Each device has a log, a subject of one stream. A message is appended only behind the last one that its writer
/// has seen (the expected last subject sequence), so who has missed a claim appends nothing.
/// </para>
/// <para>It promises less than PostgreSQL does:</para>
/// <list type="bullet">
/// <item>JetStream acknowledges before the disk has it, unless the servers have <c>sync_interval: always</c>
/// (nats-server 2.10). If most servers of the cluster lose their power at the same time, the last records may be lost,
/// though they were kept: lines may then be lost or come twice.</item>
/// <item>A batch of several devices that fails may be kept for some of them. It is written again, which changes
/// nothing.</item>
/// <item>No transaction spans the store and tables of the application. So the lines of the inbox
/// (<see cref="NatsSessionStoreOptions.Inbox"/>) may come to a handler more than once, with the same names, and nobody
/// writes to a device from another process: that takes <see cref="IFleet"/>, which this store has not.</item>
/// <item>The lines that wait are in the memory of the process, too, while it has their devices.</item>
/// </list>
/// <para>Safe for any number of threads. No call blocks.</para>
/// </remarks>
public sealed class NatsSessionStore : ISessionStore, IFleetStore, IAsyncDisposable
{
    private const int MostAtOnce = 64;

    /// <summary>The longest message, as long as the servers take it; a longer batch is divided.</summary>
    private const int MostBytes = 256 << 10;

    /// <summary>For the frame of a message and its headers.</summary>
    private const int Frame = 4_096;

    private readonly NatsSessionStoreOptions options;
    private readonly NatsConnection connection;
    private readonly DeviceLogs logs;
    private readonly InboxStream inbox;
    private readonly StoreFaults faults;
    private readonly SemaphoreSlim opening = new(1, 1);
    private readonly SemaphoreSlim places = new(MostAtOnce, MostAtOnce);
    private readonly ConcurrentDictionary<string, Session> sessions = new(StringComparer.Ordinal);
    private volatile bool isOpen;
    private volatile bool isDisposed;

    /// <summary>A store that connects when it is used for the first time.</summary>
    internal NatsSessionStore(NatsSessionStoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        (this.options, faults) = (options, new(options));
        connection = new(new NatsOpts
        {
            Url = options.Url,
            Name = $"iotlink {options.Node}",
            ConnectTimeout = options.Timeout,
            RequestTimeout = options.Timeout,
            CommandTimeout = options.Timeout,
            // Of what is said of dead letters.
            HeaderEncoding = System.Text.Encoding.UTF8,
            ReconnectWaitMin = TimeSpan.FromMilliseconds(100),
            ReconnectWaitMax = TimeSpan.FromSeconds(1),
        });
        var js = new NatsJSContext(connection, new NatsJSOpts(connection.Opts));
        logs = new(js, options.Stream);
        inbox = new(js, new(js), options, faults);
        Fleet = new(options, inbox, faults, this);
    }

    /// <summary>
    /// The lines that devices sent, in any process that has the servers. They are there if the servers of the fleet
    /// have <see cref="NatsSessionStoreOptions.Inbox"/>.
    /// </summary>
    public NatsFleet Fleet { get; }

    /// <summary>The stream.</summary>
    public string Stream => options.Stream;

    /// <summary>The name of this server, which is kept with each claim.</summary>
    public string Node => options.Node;

    /// <inheritdoc/>
    public bool IsShared => true;

    /// <summary>Whether a server is connected at this moment.</summary>
    internal bool IsConnected => connection.ConnectionState == NatsConnectionState.Open;

    /// <summary>How many messages the log of a device has.</summary>
    internal Task<int> MessagesOfAsync(string id) => GuardAsync(async () => (await logs.ReadAsync(id).ConfigureAwait(false)).Messages);

    /// <summary>Connects, and makes the stream if it is not there.</summary>
    /// <param name="options">Which servers and stream, and how.</param>
    /// <exception cref="ArgumentException">An option is out of range, or missing.</exception>
    /// <exception cref="SessionStoreException">
    /// The servers cannot be used; <see cref="SessionStoreException.Fault"/> says why, and the message what to do.
    /// </exception>
    public static async Task<NatsSessionStore> OpenAsync(NatsSessionStoreOptions options)
    {
        var store = new NatsSessionStore(options);
        try
        {
            await store.GuardAsync(() => Task.FromResult(true)).ConfigureAwait(false);
            return store;
        }
        catch
        {
            await store.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<ClaimedSession> ClaimAsync(string id, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        cancellationToken.ThrowIfCancellationRequested();
        return await UseAsync(id, session => session.ClaimAsync(options.Node, MostOfMessage)).ConfigureAwait(false) ?? throw faults.Busy(id);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyCollection<SessionClaim>> WriteAsync(IReadOnlyList<SessionWrite> batch, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        cancellationToken.ThrowIfCancellationRequested();
        // A message for a server that is away would be sent when it is back, though the batch has failed.
        if (isOpen && !IsConnected)
            throw faults.NotConnected();
        var groups = batch.GroupBy(write => write.Claim, write => write.Record)
            .Select(group => (Claim: group.Key, Task: WriteAsync(group.Key, [.. group]))).ToArray();
        await Task.WhenAll(groups.Select(group => group.Task)).ConfigureAwait(false);
        List<SessionClaim> fenced = [];
        foreach (var (claim, task) in groups)
        {
            if (!await task.ConfigureAwait(false))
                fenced.Add(claim);
        }

        return fenced;
    }

    /// <inheritdoc/>
    public async ValueTask<bool> IsFencedOutAsync(SessionClaim claim, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claim.Id, nameof(claim));
        cancellationToken.ThrowIfCancellationRequested();
        return !await UseAsync(claim.Id, session => session.HoldsAsync(claim)).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<StoredLine>> ReadLinesAsync(SessionClaim claim, long after, int count, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claim.Id, nameof(claim));
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        cancellationToken.ThrowIfCancellationRequested();
        return await UseAsync(claim.Id, async session =>
            (IReadOnlyList<StoredLine>)[.. (await session.LinesAsync(claim).ConfigureAwait(false)).SkipWhile(line => line.Position <= after).Take(count)]).ConfigureAwait(false);
    }

    /// <summary>
    /// Ends the consumers of this process, so that others take over at once, and closes the connection.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        await Fleet.EndAsync().ConfigureAwait(false);
        isDisposed = true;
        await connection.DisposeAsync().ConfigureAwait(false);
    }

    bool IFleetStore.KeepsReceived => options.Inbox;

    IDisposable IFleetStore.DeliverTo(IObservable<ILink> links, IScheduler scheduler) => options.Inbox ? Fleet.KeepRoom(scheduler) : Disposable.Empty;

    /// <summary>Does something with the servers, connected.</summary>
    internal Task UseAsync(Func<Task> work)
    {
        if (isOpen && !IsConnected)
            throw faults.NotConnected();
        return GuardAsync(async () =>
        {
            await work().ConfigureAwait(false);
            return true;
        });
    }

    private async Task<bool> WriteAsync(SessionClaim claim, List<SessionRecord> records)
    {
        await places.WaitAsync().ConfigureAwait(false);
        try
        {
            return await UseAsync(claim.Id, session => session.WriteAsync(claim, records, MostOfMessage)).ConfigureAwait(false) ?? throw faults.Busy(claim.Id);
        }
        finally
        {
            places.Release();
        }
    }

    private int MostOfMessage => Math.Min(MostBytes, (connection.ServerInfo?.MaxPayload ?? MostBytes) - Frame);

    private Task<T> UseAsync<T>(string id, Func<Session, Task<T>> work) => GuardAsync(async () =>
    {
        var session = sessions.GetOrAdd(id, static (id, store) => new(store.logs, store.inbox, id), this);
        await session.Turn.WaitAsync().ConfigureAwait(false);
        try
        {
            return await work(session).ConfigureAwait(false);
        }
        finally
        {
            session.Turn.Release();
        }
    });

    private async Task<T> GuardAsync<T>(Func<Task<T>> work)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        try
        {
            await EnsureOpenAsync().ConfigureAwait(false);
            return await work().ConfigureAwait(false);
        }
        catch (Exception e) when (faults.Of(e) is not null)
        {
            throw faults.Of(e)!;
        }
    }

    private async Task EnsureOpenAsync()
    {
        if (isOpen)
            return;
        await opening.WaitAsync().ConfigureAwait(false);
        try
        {
            if (isOpen)
                return;
            await connection.ConnectAsync().ConfigureAwait(false);
            await logs.PrepareAsync(options.Replicas).ConfigureAwait(false);
            isOpen = true;
        }
        finally
        {
            opening.Release();
        }
    }
}
