using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Time;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>
/// A server for links. It listens, knows which devices are connected, and keeps one lasting link for each device.
/// </summary>
public sealed partial class IotLinkServer : IAsyncDisposable
{
    private readonly IotLinkServerOptions options;
    private readonly GuardedLogging logging;
    private readonly ServerLog log;
    private readonly DeviceRegistry registry;
    private readonly Admission admission;
    private readonly Revocation revocation;
    private readonly ProxyGate proxies;
    private readonly ServerTelemetry telemetry;
    private readonly int? room;
    private readonly CancellationTokenSource closed = new();
    private readonly Lock gate = new();
    private IListener? listener;
    private IDisposable? delivering;
    private TaskCompletionSource? stopped;

    internal IotLinkServer(IotLinkServerOptions options)
    {
        options.Validate();
        logging = new(options.LoggerFactory);
        log = new(logging.CreateLogger<IotLinkServer>(), options.Scheduler);
        room = Descriptors.RoomFor(options);
        this.options = options = Within(room, options.WithKeys(log));
        var random = Randomness.From(options.Seed);
        registry = new(options, random, log);
        revocation = new(options.Keys, registry, options.Scheduler, log);
        revocation.Start();
        admission = new(options, room ?? int.MaxValue, registry, revocation, random, log, closed.Token);
        proxies = new(options, admission, closed.Token);
        telemetry = new(registry, admission);
    }

    /// <summary>Starts to listen.</summary>
    /// <exception cref="ArgumentException">An option is out of range; the message names it.</exception>
    /// <exception cref="IOException">
    /// The endpoint is in use or not available, or the key file cannot be read; the message names it.
    /// </exception>
    /// <exception cref="FormatException">
    /// A line of the key file is wrong; the message names the file, the line and the rule.
    /// </exception>
    public static async Task<IotLinkServer> StartAsync(IotLinkServerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        var server = new IotLinkServer(options);
        try
        {
            await server.ListenAsync(cancellationToken).ConfigureAwait(false);
            return server;
        }
        catch
        {
            server.revocation.Dispose();
            server.telemetry.End();
            throw;
        }
    }

    /// <summary>The address and port of the server.</summary>
    /// <exception cref="InvalidOperationException">
    /// The server has no port of its own (<see cref="IotLinkServerOptions.Listen"/>).
    /// </exception>
    public IPEndPoint EndPoint => listener?.EndPoint ?? throw new InvalidOperationException("This server does not listen by itself.");

    /// <summary>
    /// Each device's link, once, when the device first connects or its link is opened (<see cref="OpenAsync"/>);
    /// existing links come first. Completes when the server stops.
    /// </summary>
    public IObservable<ILink> Links => registry.Links;

    /// <summary>
    /// Runs a handler for each line of each device: one device's lines in order, one at a time; different devices at
    /// the same time, at most <see cref="ProcessOptions.MaxConcurrent"/> of them. A line is accepted when its handler
    /// has ended without an exception; a handler that fails, blocks or never ends delays only its own device.
    /// </summary>
    /// <param name="handler">
    /// Processes a line. Its token is cancelled after <see cref="ProcessOptions.HandlerTimeout"/>, when the server
    /// stops, and when the processing is disposed.
    /// </param>
    /// <param name="options">Limits, delays and dead letters. Default <see cref="ProcessOptions.Default"/>.</param>
    /// <returns>Ends the processing; the rest as <see cref="ProcessOperators.Process"/>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="handler"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public IDisposable Process(Func<ReceivedLine, CancellationToken, Task> handler, ProcessOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        options ??= ProcessOptions.Default;
        options.Validate();
        return FleetProcessor.Start(Links, handler, options);
    }

    /// <summary>
    /// The events of the fleet, from now on. An observer that falls behind by more than 4,096 changes misses the oldest
    /// of them. Completes when the server stops.
    /// </summary>
    public IObservable<LinkChange> Changes => registry.Changes;

    /// <summary>Counts since the start, as a snapshot.</summary>
    public ServerCounters Counters => admission.Counters with { LogFailures = logging.Failures };

    /// <summary>
    /// A snapshot of each device that has connected at least once, or whose link was opened, in the order in which that
    /// first happened.
    /// </summary>
    public IReadOnlyList<DeviceConnection> GetConnections() => registry.Feed.Snapshot();

    /// <summary>
    /// A row for each device: all known devices before <c>Subscribe</c> returns, then a device again whenever its link
    /// comes up or goes down. A device never leaves, except one that is forgotten: it is reported as closed (<see
    /// cref="LinkChangeKind.Forgotten"/>). An observer that falls behind misses past states, never the current state of
    /// a device (<see cref="Changes"/> reports each change, within its bound). Completes when the server stops, after
    /// it has reported each device as closed.
    /// </summary>
    /// <param name="refresh">
    /// How often a device comes again if its counts or its last line have changed: 10 ms to a day. Default null: never,
    /// since these change with each line.
    /// </param>
    /// <exception cref="ArgumentException"><paramref name="refresh"/> is out of range.</exception>
    public IObservable<DeviceConnection> ObserveConnections(TimeSpan? refresh = null)
    {
        if (refresh is { } interval)
            Require.InRange(interval, TimeSpan.FromMilliseconds(10), TimeSpan.FromDays(1), nameof(refresh));
        return registry.Feed.Observe(refresh);
    }

    /// <summary>The link of a device that has connected at least once, or was opened; or null.</summary>
    public ILink? Find(string id) => registry.Find(id);

    /// <summary>The longest line.</summary>
    internal int MaxLineBytes => options.MaxLineBytes;

    /// <summary>Whether what is written outlives this process.</summary>
    internal bool KeepsSessions => options.SessionStore is not null;

    /// <summary>The fleet that this server shares with others, for those that take its lines in turns.</summary>
    /// <param name="consumer">Their name.</param>
    /// <exception cref="ArgumentException">The session store has no such fleet, or keeps no lines for it.</exception>
    internal SharedFleet Share(string consumer)
    {
        if (options.SessionStore is not IFleetStore { SharedFleet: { } fleet } store)
            throw new ArgumentException($"Consumer '{Printable.Of(consumer)}' needs a session store with a fleet that servers share: PostgreSQL.", nameof(consumer));
        return store.KeepsReceived
            ? new(fleet, store.Node)
            : throw new ArgumentException($"Consumer '{Printable.Of(consumer)}' needs a session store that keeps received lines: set its option Inbox.", nameof(consumer));
    }

    /// <summary>The subject of a log entry about a link: a device, or strangers of one origin.</summary>
    internal Subject SubjectOf(ILink link) => registry.SubjectOf(link);

    /// <summary>
    /// Opens the link of a device that may not have connected since the server started. What is written to it waits, in
    /// the session store if there is one, and is sent when the device connects. If the link exists, it is returned.
    /// </summary>
    /// <remarks>
    /// A device is known if it is among <see cref="IotLinkServerOptions.Expected"/>, has a key, or has something in the
    /// session store: a device of protocol 2 from its first connection on, one of protocol 1 while lines wait for it. A
    /// device whose link was opened is not forgotten as an unknown id. Its connection is let in or refused as before.
    /// </remarks>
    /// <param name="id">The device's id.</param>
    /// <param name="cancellationToken">Ends the waiting for the store; it may be opened all the same.</param>
    /// <exception cref="ArgumentException">It is no id.</exception>
    /// <exception cref="UnknownDeviceException">No such device is known.</exception>
    /// <exception cref="DeviceElsewhereException">
    /// Several servers share the store, and the device is connected at another one. A server that has died counts as
    /// alive for another 15 seconds, or until one with its name starts.
    /// </exception>
    /// <exception cref="SessionStoreException">The session store failed; trying again may help.</exception>
    /// <exception cref="LinkClosedException">The server has stopped.</exception>
    public Task<ILink> OpenAsync(string id, CancellationToken cancellationToken = default)
    {
        Require.NotNull(id, nameof(id));
        var fault = LinkId.Fault(id, options.MaxIdBytes) ?? (options.SessionStore is null ? null : IdForm.StoreFault(id));
        Require.NotFaulty(fault, Printable.Of(id), nameof(id));
        return registry.OpenAsync(id, registry.IsExpected(id) || HasKey(id), cancellationToken);
    }

    /// <summary>The link of a device, once it has connected for the first time, or was opened.</summary>
    /// <exception cref="LinkClosedException">The server has stopped.</exception>
    public Task<ILink> WaitForAsync(string id, CancellationToken cancellationToken = default) => registry.WaitForAsync(id, cancellationToken);

    /// <summary>
    /// The links of these devices (default: the expected ones), once all of them have connected for the first time.
    /// </summary>
    /// <exception cref="LinkClosedException">The server has stopped.</exception>
    public async Task<IReadOnlyDictionary<string, ILink>> WaitForAllAsync(IEnumerable<string>? ids = null, CancellationToken cancellationToken = default)
    {
        var links = (ids ?? registry.Expected).Distinct(StringComparer.Ordinal).Select(id => registry.WaitForAsync(id, cancellationToken));
        return (await Task.WhenAll(links).ConfigureAwait(false)).ToDictionary(link => link.Id, StringComparer.Ordinal);
    }

    /// <summary>
    /// Stops listening, then closes every link. Before that it waits up to <see cref="LinkOptions.DrainTimeout"/> until
    /// all written lines are accepted and the observers of each link's lines have returned from their current line,
    /// which is acknowledged. After that it waits until the devices have ended their connections too: up to 1 s for a
    /// silent device, up to 5 s for one that continues to send. Lines that were not delivered by then are not accepted:
    /// their devices send them to the next server.
    /// </summary>
    /// <remarks>An observer that waits for this in <c>OnNext</c> delays it until the time limit.</remarks>
    /// <param name="cancellationToken">Ends the wait; the links are closed in any case.</param>
    public async Task StopAsync(CancellationToken cancellationToken = default)
    {
        TaskCompletionSource stopping;
        bool first;
        lock (gate)
        {
            first = stopped is null;
            stopping = stopped ??= new TaskCompletionSource(Continuations.Options(options.Continuations));
        }

        if (!first)
        {
            await stopping.Task.ConfigureAwait(false);
            return;
        }

        try
        {
            await StopOnceAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            stopping.SetResult();
        }
    }

    /// <summary>Calls <see cref="StopAsync"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        listener?.Dispose();
        closed.Dispose();
    }

    /// <summary>
    /// Serves a connection that did not come through the server's own port: a serial line, a web socket, a simulated
    /// network. Completes when the connection has ended, and releases it. A connection that misbehaves is refused and
    /// counted like any other; the task never fails.
    /// </summary>
    /// <param name="connection">The server owns it from now on.</param>
    /// <exception cref="ArgumentNullException">The connection is null.</exception>
    public Task ServeAsync(IConnection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return admission.ReceiveAsync(connection);
    }

    internal async Task ListenAsync(CancellationToken cancellationToken)
    {
        if (room < options.MaxConnections)
            log.FewDescriptors(room.Value, options.MaxConnections);
        if (options.Listen)
            await ListenByItselfAsync(cancellationToken).ConfigureAwait(false);
        (options.Keys as KeyFileWatch)?.Start();
        delivering = (options.SessionStore as IFleetStore)?.DeliverTo(Links, options.Scheduler);
        registry.OpenAsleep(HasKey, closed.Token);
    }

    private async Task ListenByItselfAsync(CancellationToken cancellationToken)
    {
        var most = room is { } within ? within + Descriptors.Margin(within) : int.MaxValue;
        var acceptor = SocketAcceptor.Listen(options, most, admission.TurnAway, log);
        listener = options.Tls is null
            ? new SocketListener(acceptor, Serve)
            : await KestrelListener.StartAsync(acceptor, options.Tls, logging, proxies, new TlsAdmission(admission, options, closed.Token), ServeAsync, cancellationToken).ConfigureAwait(false);
        log.Listening(listener.EndPoint);
    }

    /// <summary>Reads the headers of trusted proxies, which name the clients' addresses.</summary>
    internal ProxyGate Proxies => proxies;

    /// <summary>Serves one connection of our own sockets.</summary>
    private void Serve(SocketConnection connection)
    {
        if (options.IsTrustedProxy(connection.RemoteEndPoint))
            _ = ServeProxiedAsync(connection);
        else
            admission.Admit(connection);
    }

    private async Task ServeProxiedAsync(SocketConnection connection)
    {
        if (await proxies.PassAsync(connection).ConfigureAwait(false))
        {
            admission.Admit(connection);
            return;
        }

        try
        {
            connection.Dispose();
        }
        catch (Exception exception) when (exception is IOException or System.Net.Sockets.SocketException or ObjectDisposedException)
        {
            // It was reset: nothing is left to do for it.
        }
        finally
        {
            connection.Served();
        }
    }

    /// <summary>Serves one connection of Kestrel's; completes when it has ended.</summary>
    internal Task ServeAsync(ConnectionContext connection)
    {
        TlsAdmission.Passed(connection);
        return admission.ReceiveAsync(new KestrelConnection(connection, options.Scheduler, options.Timeout));
    }

    /// <summary>
    /// If descriptors are scarce, unknown devices of one address get at most half of them: the acceptor closes further
    /// connections without a reason.
    /// </summary>
    private static IotLinkServerOptions Within(int? room, IotLinkServerOptions options) => room < options.MaxConnections
        ? options with { MaxConnectionsPerAddress = Math.Min(options.MaxConnectionsPerAddress ?? int.MaxValue, Math.Max(1, room.Value / 2)) }
        : options;

    private bool HasKey(string id) => options.Keys is { } keys && new IdForm(options).MayAskForKeys(id) && Proof.Usable(keys.KeysOf(id)).Length > 0;

    /// <summary>Whether a device has connected: its link may have been opened before.</summary>
    internal bool HasCome(ILink link) => registry.HasCome(link);

    /// <summary>Keeps the last lines of each device, up to so many bytes of each, for people to look at.</summary>
    internal void KeepLastLines(int count, int bytes) => registry.KeepLastLines(count, bytes);

    /// <summary>How many devices are expected.</summary>
    internal int ExpectedCount => registry.Expected.Count;

    /// <summary>The expected devices that are neither up nor asleep.</summary>
    internal IReadOnlyCollection<string> MissingIds =>
        [.. registry.Expected.Where(id => registry.Find(id) is not Link { Current.Status: LinkStatus.Up or LinkStatus.Asleep })];

    /// <summary>The devices whose session stores do not work.</summary>
    internal IReadOnlyCollection<string> FailingStores => registry.FailingStores;

    /// <summary>Whether connections come from endpoints of the application's own Kestrel.</summary>
    internal bool HasGuestEndPoints { get; set; }

    private async Task StopOnceAsync(CancellationToken cancellationToken)
    {
        revocation.Dispose();
        (options.Keys as KeyFileWatch)?.Dispose();
        // What other processes write from now on is for the next server of the device.
        delivering?.Dispose();
        var unlistened = listener?.StopAsync() ?? Task.CompletedTask;
        await Task.WhenAll(registry.All.Select(link => link.DrainWithinAsync(options.DrainTimeout, cancellationToken))).ConfigureAwait(false);
        var unfinished = registry.All.Sum(link => link.Counters.Outbox);
        registry.Close();
#pragma warning disable VSTHRD103, MA0042 // On this thread: a virtual clock's is not left.
        closed.Cancel();
#pragma warning restore VSTHRD103, MA0042
        await unlistened.ConfigureAwait(false);
        await Task.WhenAll(registry.All.Select(link => link.Kept)).ConfigureAwait(false);
        telemetry.End();
        log.Stopped(unfinished);
    }
}
