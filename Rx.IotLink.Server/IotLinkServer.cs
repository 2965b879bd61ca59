using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Rx.IotLink.Time;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>A server for links: listens, knows who is connected, and holds one link per device for ever.</summary>
public sealed class IotLinkServer : IAsyncDisposable
{
    private readonly IotLinkServerOptions options;
    private readonly GuardedLogging logging;
    private readonly ServerLog log;
    private readonly DeviceRegistry registry;
    private readonly Admission admission;
    private readonly Revocation revocation;
    private readonly ProxyGate proxies;
    private readonly int? room;
    private readonly CancellationTokenSource closed = new();
    private readonly Lock gate = new();
    private IListener? listener;
    private TaskCompletionSource? stopped;

    internal IotLinkServer(IotLinkServerOptions options)
    {
        options.Validate();
        logging = new(options.LoggerFactory);
        log = new(logging.CreateLogger<IotLinkServer>(), options.Scheduler);
        room = Descriptors.Room();
        this.options = options = Within(room, options.WithKeys(log));
        var random = Randomness.From(options.Seed);
        registry = new(options, random, log);
        revocation = new(options.Keys, registry, options.Scheduler, log);
        revocation.Start();
        admission = new(options, room ?? int.MaxValue, registry, revocation, random, log, closed.Token);
        proxies = new(options, admission, closed.Token);
    }

    /// <summary>Starts to listen.</summary>
    /// <exception cref="ArgumentException">An option is out of range; the message names it.</exception>
    /// <exception cref="IOException">
    /// The endpoint is in use or cannot be had, or the key file cannot be read; the message names it.
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
            throw;
        }
    }

    /// <summary>The address and port that are listened on.</summary>
    /// <exception cref="InvalidOperationException">
    /// The server does not listen by itself (<see cref="IotLinkServerOptions.Listen"/>).
    /// </exception>
    public IPEndPoint EndPoint => listener?.EndPoint ?? throw new InvalidOperationException("This server does not listen by itself.");

    /// <summary>
    /// Each device's link, once, when it first connects; those that exist already first. Completes when the server
    /// stops.
    /// </summary>
    public IObservable<ILink> Links => registry.Links;

    /// <summary>
    /// What happens to the fleet, from now on. An observer that falls behind by more than 4,096 changes misses the
    /// oldest of them. Completes when the server stops.
    /// </summary>
    public IObservable<LinkChange> Changes => registry.Changes;

    /// <summary>Counts since the start: a snapshot.</summary>
    public ServerCounters Counters => admission.Counters with { LogFailures = logging.Failures };

    /// <summary>
    /// How each device is that has connected at least once, in the order in which they first did: a snapshot.
    /// </summary>
    public IReadOnlyList<DeviceConnection> GetConnections() => registry.Feed.Snapshot();

    /// <summary>
    /// How each device is: those that are known before <c>Subscribe</c> returns, then each one again whenever its link
    /// has come up or gone down. A device never leaves, but an unknown one that is forgotten is told as closed and does
    /// (<see cref="LinkChangeKind.Forgotten"/>). An observer that falls behind misses states that are past already,
    /// never the present one of any device (<see cref="Changes"/> tells each). Completes when the server stops, after
    /// telling each device as closed.
    /// </summary>
    /// <param name="refresh">
    /// How often devices are told again whose counts or last line have changed: 10 ms to a day. Default null: never,
    /// since that changes with each line.
    /// </param>
    /// <exception cref="ArgumentException"><paramref name="refresh"/> is out of range.</exception>
    public IObservable<DeviceConnection> ObserveConnections(TimeSpan? refresh = null)
    {
        if (refresh is { } interval)
            Require.InRange(interval, TimeSpan.FromMilliseconds(10), TimeSpan.FromDays(1), nameof(refresh));
        return registry.Feed.Observe(refresh);
    }

    /// <summary>The link of a device that has connected at least once, or null.</summary>
    public ILink? Find(string id) => registry.Find(id);

    /// <summary>Whom an entry about a link is about: a device, or strangers of one origin.</summary>
    internal Subject SubjectOf(ILink link) => registry.SubjectOf(link);

    /// <summary>The link of a device, once it has connected for the first time.</summary>
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
    /// Stops listening; waits up to <see cref="LinkOptions.DrainTimeout"/> until all written lines are accepted and the
    /// observers of each link's lines have returned from the line that they are at, which is acknowledged; then closes
    /// every link, and waits until the devices have ended their connections too: up to 1 s for one that is silent, up
    /// to 5 s for one that goes on sending. Lines that were not handed out by then are not accepted: their devices give
    /// them to the next server.
    /// </summary>
    /// <remarks>An observer that waits for this in <c>OnNext</c> waits until the time is up.</remarks>
    /// <param name="cancellationToken">Ends the waiting; the links are closed all the same.</param>
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

    /// <summary><see cref="StopAsync"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        listener?.Dispose();
        closed.Dispose();
    }

    /// <summary>
    /// Serves a connection that came by another way than the server's own port: a serial line, a web socket, a
    /// simulated network. Completes when it has ended, and releases it. A connection that misbehaves is refused and
    /// counted as any other; this never fails.
    /// </summary>
    /// <param name="connection">Owned by the server from now on.</param>
    /// <exception cref="ArgumentNullException">There is no connection.</exception>
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
    }

    private async Task ListenByItselfAsync(CancellationToken cancellationToken)
    {
        var most = room is { } within ? within + Descriptors.Margin(within) : int.MaxValue;
        var acceptor = SocketAcceptor.Listen(options, most, admission.TurnAway, log);
        listener = options.Tls is null
            ? new SocketListener(acceptor, ServeAsync)
            : await KestrelListener.StartAsync(acceptor, options.Tls, logging, proxies, new TlsAdmission(admission, options, closed.Token), ServeAsync, cancellationToken).ConfigureAwait(false);
        log.Listening(listener.EndPoint);
    }

    /// <summary>Where connections of trusted proxies say whose they are.</summary>
    internal ProxyGate Proxies => proxies;

    /// <summary>Serves one connection of our own sockets; completes when it has ended.</summary>
    private Task ServeAsync(SocketConnection connection) =>
        options.IsTrustedProxy(connection.RemoteEndPoint) ? ServeProxiedAsync(connection) : admission.ReceiveAsync(connection);

    private async Task ServeProxiedAsync(SocketConnection connection)
    {
        if (await proxies.PassAsync(connection).ConfigureAwait(false))
        {
            await admission.ReceiveAsync(connection).ConfigureAwait(false);
            return;
        }

        try
        {
            connection.Dispose();
        }
        catch (Exception exception) when (exception is IOException or System.Net.Sockets.SocketException or ObjectDisposedException)
        {
            // It was reset: there is nothing left to be done for it.
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
    /// Where it is the descriptors that are few, unknown devices of one address have half of them at most: the acceptor
    /// ends what is beyond that without a word.
    /// </summary>
    private static IotLinkServerOptions Within(int? room, IotLinkServerOptions options) => room < options.MaxConnections
        ? options with { MaxConnectionsPerAddress = Math.Min(options.MaxConnectionsPerAddress ?? int.MaxValue, Math.Max(1, room.Value / 2)) }
        : options;

    /// <summary>The expected devices that are not up.</summary>
    internal IReadOnlyCollection<string> MissingIds =>
        [.. registry.Expected.Where(id => registry.Find(id) is not Link { Current.IsUp: true })];

    /// <summary>The devices whose session stores do not work.</summary>
    internal IReadOnlyCollection<string> FailingStores => registry.FailingStores;

    /// <summary>Whether connections come from endpoints that somebody else listens on.</summary>
    internal bool HasGuestEndPoints { get; set; }

    private async Task StopOnceAsync(CancellationToken cancellationToken)
    {
        revocation.Dispose();
        (options.Keys as KeyFileWatch)?.Dispose();
        var unlistened = listener?.StopAsync() ?? Task.CompletedTask;
        await Task.WhenAll(registry.All.Select(link => link.DrainWithinAsync(options.DrainTimeout, cancellationToken))).ConfigureAwait(false);
        var unfinished = registry.All.Sum(link => link.Counters.Outbox);
        registry.Close();
#pragma warning disable VSTHRD103, MA0042 // On this thread: a virtual clock's is not left.
        closed.Cancel();
#pragma warning restore VSTHRD103, MA0042
        await unlistened.ConfigureAwait(false);
        await Task.WhenAll(registry.All.Select(link => link.Kept)).ConfigureAwait(false);
        log.Stopped(unfinished);
    }
}
