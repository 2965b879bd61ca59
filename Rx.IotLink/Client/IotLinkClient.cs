using System.Reactive;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using Rx.IotLink.Protocol;
using Rx.IotLink.Telemetry;
using Rx.IotLink.Transport;

namespace Rx.IotLink;

/// <summary>The device's end of a link. It connects, and connects again after each outage, without end.</summary>
public sealed partial class IotLinkClient : IOwnLink, IAsyncDisposable
{
    private static readonly TimeSpan LeastConnectTimeout = TimeSpan.FromSeconds(5);

    private readonly IotLinkClientOptions options;
    private readonly ITransport transport;
    private readonly Random random;
    private readonly Link link;
    private readonly Source source;
    private readonly SerialDisposable connecting = new();
    private readonly VersionChoice? versions;
    private int toSpeak;
    private int connectionsSeen;
    private bool reachedServer;
    private int failures;

    private IotLinkClient(IotLinkClientOptions options, (SessionClaim Claim, KeptSession Kept)? memory)
    {
        this.options = options;
        transport = options.Transport ?? new TcpTransport(options.Host, options.Port, options.Tls, options.Scheduler, options.Timeout, ConnectTimeout);
        random = options.Seed is { } seed ? new Random(seed) : new Random();
        versions = options is { Protocol: null, Key: null } ? new() : null;
        var protocols = new ProtocolFactory(options, Role.Client, options.Id)
        {
            Key = options.Key,
            MayFallBack = versions is not null,
            MaxTimeout = Longer(options.MaxTimeout, options.Timeout),
            IsKept = options.SessionStore is not null,
            Random = Randomness.From(options.Seed),
        };
        var version = options.Protocol ?? 2;
        var telemetry = new LinkTelemetry(options, role: "client");
        link = new Link(
            options.Id, options, version, protocols.Create,
            memory is var (claim, kept) ? (options.SessionStore!, claim, kept) : null, telemetry: telemetry);
        source = new(link, telemetry);
        toSpeak = version;
    }

    /// <summary>
    /// Starts to connect and does not wait for the connection: see <see cref="ILink.State"/> and
    /// <see cref="ILink.WaitUntilUpAsync"/>. It waits until the <see cref="IotLinkClientOptions.SessionStore"/>, if
    /// any, is claimed; <see cref="OpenAsync"/> does not block the thread for that.
    /// </summary>
    /// <exception cref="ArgumentException">An option is out of range; the message names it.</exception>
    /// <exception cref="SessionStoreException">The session store cannot be used.</exception>
    public static IotLinkClient Start(IotLinkClientOptions options)
    {
        var starting = OpenAsync(options);
#pragma warning disable VSTHRD002 // It waits for the store alone, whose calls come without a context.
        return starting.IsCompleted ? starting.GetAwaiter().GetResult() : Task.Run(() => starting).GetAwaiter().GetResult();
#pragma warning restore VSTHRD002
    }

    /// <summary>
    /// Claims the memory in the <see cref="IotLinkClientOptions.SessionStore"/>, if there is one. Then starts to
    /// connect, and does not wait for the connection: see <see cref="ILink.State"/> and
    /// <see cref="ILink.WaitUntilUpAsync"/>.
    /// </summary>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Cancels the claim.</param>
    /// <exception cref="ArgumentException">An option is out of range; the message names it.</exception>
    /// <exception cref="SessionStoreException">The session store cannot be used.</exception>
    public static async Task<IotLinkClient> OpenAsync(IotLinkClientOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        (SessionClaim, KeptSession)? memory = options.SessionStore is { } store
            ? await ClaimedStore.OpenAsync(store, options.Id, options.MaxLineBytes, cancellationToken).ConfigureAwait(false)
            : null;
        var client = new IotLinkClient(options, memory);
        client.connecting.Disposable = client.ConnectForEver().Subscribe();
        return client;
    }

    /// <inheritdoc/>
    public string Id => link.Id;

    /// <inheritdoc/>
    public IObservable<string> Lines => link.Lines;

    /// <inheritdoc/>
    public IObservable<ReadOnlyMemory<byte>> Utf8Lines => link.Utf8Lines;

    /// <inheritdoc/>
    public IObservable<ReceivedLine> Received => link.Received;

    /// <inheritdoc/>
    public IObserver<string> Writer => link.Writer;

    /// <inheritdoc/>
    public IObservable<LinkState> State => link.State;

    /// <inheritdoc/>
    public IObservable<Unit> Heartbeat => link.Heartbeat;

    /// <inheritdoc/>
    public IObservable<Unit> Heard => link.Heard;

    /// <inheritdoc/>
    public IObservable<LinkNotice> Notices => link.Notices;

    /// <inheritdoc/>
    public LinkCounters Counters => link.Counters;

    /// <inheritdoc/>
    public Task WriteAsync(string line, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Ordered, CancellationToken cancellationToken = default) =>
        link.WriteAsync(line, delivery, ordering, cancellationToken);

    /// <inheritdoc/>
    public Task WriteAsync(string line, WriteOptions options, CancellationToken cancellationToken = default) =>
        link.WriteAsync(line, options, cancellationToken);

    /// <inheritdoc/>
    public ValueTask WriteUtf8Async(ReadOnlyMemory<byte> utf8, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Ordered, CancellationToken cancellationToken = default) =>
        link.WriteUtf8Async(utf8, delivery, ordering, cancellationToken);

    /// <inheritdoc/>
    public IObservable<Unit> Write(string line, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Ordered) =>
        link.Write(line, delivery, ordering);

    LinkOptions IOwnLink.Options => options;

    void IOwnLink.Notify(LinkNotice notice) => link.Notify(notice);

    IObservable<Unit> IOwnLink.Write(string line, Action<bool> left) => ((IOwnLink)link).Write(line, left);

    /// <inheritdoc/>
    public Task<string> ReadLineAsync(CancellationToken cancellationToken = default) => link.ReadLineAsync(cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<string> ReadLinesAsync(CancellationToken cancellationToken = default) => link.ReadLinesAsync(cancellationToken);

    /// <inheritdoc/>
    public Task WaitUntilUpAsync(CancellationToken cancellationToken = default) => link.WaitUntilUpAsync(cancellationToken);

    /// <inheritdoc/>
    public Task DrainAsync(CancellationToken cancellationToken = default) => link.DrainAsync(cancellationToken);

    /// <summary>
    /// Closes the link. It first waits up to <see cref="LinkOptions.DrainTimeout"/> until all written lines are
    /// accepted and the observers of <see cref="Lines"/> have returned from their current line, which is acknowledged.
    /// It delivers no line after that one. After closing it waits until the server has noticed: up to 1 s for a silent
    /// server, up to 5 s for one that continues to send.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait; the link is closed in any case.</param>
    public async Task CloseAsync(CancellationToken cancellationToken = default)
    {
        await link.DrainWithinAsync(options.DrainTimeout, cancellationToken).ConfigureAwait(false);
        connecting.Dispose();
        link.Close();
        source.End();
        await link.Goodbye.ConfigureAwait(false);
    }

    /// <summary>Calls <see cref="CloseAsync"/>.</summary>
    public async ValueTask DisposeAsync() => await CloseAsync().ConfigureAwait(false);

    private IObservable<Unit> ConnectForEver() =>
        Observable.Defer(() => link.Current.IsFinal ? Observable.Never<Outage>() : ConnectWhenStoreWorks()).SelectMany(Recover).Repeat();

    /// <summary>While the store fails, a connection would only end again.</summary>
    private IObservable<Outage> ConnectWhenStoreWorks() =>
        link.StoreHeals is { } heals ? heals.ObserveOn(options.Scheduler).SelectMany(_ => ConnectAndServe()) : ConnectAndServe();

    /// <summary>One connection. Gives the outage that ended it, or prevented it.</summary>
    private IObservable<Outage> ConnectAndServe() =>
        new ConnectionAttempt(options.Network, transport, ConnectTimeout, options.Scheduler, Serve)
            .Catch((Exception exception) => Observable.Return(new Outage(OutageReason.ConnectFailed, WhyNot(exception))));

    private IObservable<Outage> Serve(IConnection connection)
    {
        if (!IsAsleep && link.TryServe(connection, version: toSpeak) is { } session)
        {
            reachedServer = true;
            // It fell asleep while the connection was made: then it is closed again, here or by the one that sleeps.
            if (IsAsleep)
                _ = link.FallAsleep(sleepsFor);
            return session.Ended;
        }

        connection.Dispose();
        return Observable.Never<Outage>();
    }

    private IObservable<Unit> Recover(Outage outage)
    {
        if (link.Current.IsFinal)
            return Observable.Never<Unit>();
        var connections = link.Current.Connections;
        if (connections == 0 && options.FirstConnection == FirstConnection.Fail)
        {
            link.Refuse(outage);
            return Observable.Never<Unit>();
        }

        var wasUp = connections > connectionsSeen;
        if (Interlocked.CompareExchange(ref sleep, Awake, Waking) == Waking && !wasUp)
            link.Wake(outage);
        var pause = Pause(wasUp, outage);
        connectionsSeen = connections;
        if (!wasUp || IsRefusal(outage))
            link.Notify(new LinkNotice(KindOf(outage), $"{WhyNot(outage)}; attempt {failures + 1} follows in {pause.TotalSeconds:0.#} s"));
        return BringDown().Concat(Observable.Timer(pause, options.Scheduler).Select(_ => Unit.Default));
    }

    private IObservable<Unit> NotDown(Exception exception)
    {
        link.Notify(new LinkNotice(LinkNoticeKind.ConnectFailed, $"the network was not brought down: {exception.Message}", exception));
        return Observable.Empty<Unit>();
    }

    private static LinkNoticeKind KindOf(Outage outage) => outage.Reason switch
    {
        OutageReason.PeerNotProven => LinkNoticeKind.PeerNotProven,
        _ when IsRefusal(outage) => LinkNoticeKind.Refused,
        _ => LinkNoticeKind.ConnectFailed,
    };

    /// <summary>
    /// Whether the server wants no further attempt. Without TLS the message may come from an impostor, so it does not
    /// end the link. But a client that is refused, or displaced by another with the same id, comes back seldom.
    /// </summary>
    private static bool IsRefusal(Outage outage) =>
        outage is { Reason: OutageReason.Displaced } or { Reason: OutageReason.Refused, RetryAfter: null };

    /// <summary>
    /// How long to wait before the next attempt. After an outage, or an attempt that reached the server: long enough
    /// for the other end to notice it too, if the protocol asks for it. After a failed attempt, or a short connection:
    /// longer each time. After a refusal: the longest time.
    /// </summary>
    private TimeSpan Pause(bool wasUp, Outage outage)
    {
        // A server that opens a connection and dies at once counts like one that cannot be reached.
        var lasted = wasUp && link.LastUp >= options.Timeout;
        failures = lasted ? 0 : failures + 1;
        if (reachedServer && versions is not null)
            toSpeak = versions.Next(spoken: link.Snapshot.Protocol, asked: link.Wanted, lasted);
        var chance = random.NextDouble();
        var backOff = IsRefusal(outage) ? options.BackOff.Longest(chance) : options.BackOff.Delay(Math.Max(0, failures - 1), chance);
        // The client waits at least as long as the server asks, up to its own limit. The jitter is added, so that
        // devices with the same advice do not come back together.
        if (outage.RetryAfter is { } advice)
            backOff = Longer(backOff, Shorter(advice, options.MaxRetryAfter) * (1 + (options.BackOff.Jitter * random.NextDouble())));
        var quiet = reachedServer ? link.QuietTime : TimeSpan.Zero;
        reachedServer = false;
        return quiet + backOff;
    }

    private static TimeSpan Shorter(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private static TimeSpan Longer(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private TimeSpan ConnectTimeout => options.ConnectTimeout ?? Longer(options.Timeout, LeastConnectTimeout);

    /// <summary>
    /// The likely causes, the most likely first, when a server closes without a reason.
    /// </summary>
    private string WhyNot(Outage outage) => (outage.Reason, link.Snapshot.Protocol) switch
    {
        // A server of protocol 1 refuses in this way: the protocol has no message for it, and the connection is reset
        // if the server has not read all bytes.
        (OutageReason.ClosedByPeer or OutageReason.ConnectionLost, 1) =>
            $"{Closed}: in protocol 1 that means a connection of id '{options.Id}' is live (of another device, or the last one of this device, which the server still believes in), "
            + $"or the server does not expect the id, or is full; it may also {WhyNotUnderstood}",
        (OutageReason.ClosedByPeer, _) => $"{Closed}: it may {WhyNotUnderstood}",
        _ => outage.Detail,
    };

    private string Closed => $"{options.Host}:{options.Port} closed the connection without an answer";

    private string WhyNotUnderstood =>
        $"{(options.Tls is null ? "speak nothing but TLS" : "want another client certificate")}, or not this version of the protocol";

    private string WhyNot(Exception exception) => exception is TimeoutException
        ? $"no connection to {options.Host}:{options.Port} within {ConnectTimeout.TotalSeconds:0.###} s"
        : exception.Message;

    /// <summary>This client in the metrics.</summary>
    private sealed class Source : TelemetrySource
    {
        private readonly Link[] links;
        private readonly LinkTelemetry telemetry;

        public Source(Link link, LinkTelemetry telemetry)
        {
            (links, this.telemetry) = ([link], telemetry);
            telemetry.Join(link);
            telemetry.Hub.Add(this);
        }

        public override void AddTo(TelemetrySums sums) => telemetry.AddTo(links, gone: null, sums);

        public void End() => telemetry.Hub.Remove(this);
    }
}
