using System.Net;
using System.Runtime.CompilerServices;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Time;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>
/// Takes new connections. Each sends its opening within its own deadline, beside all others, and then goes to its link
/// or is refused. A connection that misbehaves gets the reason (if its protocol can carry it), and is closed, counted
/// and logged. Nothing else is affected.
/// </summary>
/// <param name="options">The limits.</param>
/// <param name="room">How many connections the process has descriptors for.</param>
/// <param name="registry">The links.</param>
/// <param name="revocation">Ends links whose key is revoked.</param>
/// <param name="random">The source of challenges.</param>
/// <param name="log">Where refusals are logged.</param>
/// <param name="stopped">Ends the wait for openings.</param>
internal sealed partial class Admission(IotLinkServerOptions options, int room, DeviceRegistry registry, Revocation revocation, FillRandom random, ServerLog log, CancellationToken stopped)
{
    /// <summary>
    /// How long a connection beyond the limits may take for its first line, so that it can get the reason in its
    /// protocol.
    /// </summary>
    private static readonly TimeSpan Briefly = TimeSpan.FromSeconds(2);

    /// <summary>The connections of this many seconds may come at once.</summary>
    private const int BurstSeconds = 2;

    private readonly int most = Math.Min(options.MaxConnections, room);
    private readonly IdForm form = new(options);
    private readonly CertificateCheck certificates = new(options, stopped);
    private readonly OpeningPlaces openings = PlacesOf(options, Math.Min(options.MaxConnections, room));
    private readonly OpeningRates? rates = options.MaxOpeningRatePerAddress is { } rate ? new(rate, BurstSeconds * rate) : null;
    private readonly Deadlines clock = Deadlines.On(options.Scheduler);
    private readonly long[] refused = new long[Enum.GetValues<Refusal>().Length];
    private int connections;
    private long accepted;
    private long turnedAway;
    private long silent;

    public ServerCounters Counters => new()
    {
        Connections = Volatile.Read(ref connections),
        Openings = openings.Count,
        ConnectionsAccepted = Interlocked.Read(ref accepted),
        Refused = Enum.GetValues<Refusal>().ToDictionary(r => r, r => Interlocked.Read(ref refused[(int)r])),
        SilentConnections = Interlocked.Read(ref silent),
        CallbackFailures = log.CallbackFailures,
        Links = registry.Count,
        UnknownIds = registry.UnknownIds.Known,
        UnknownIdsForgotten = registry.UnknownIds.Forgotten,
        BufferedBytes = registry.Budget.Held,
        LinksSlowed = registry.Budget.TimesSlowed,
        ConnectionsTurnedAway = Interlocked.Read(ref turnedAway),
    };

    /// <summary>
    /// Takes a slot for a connection that has not finished its opening. If all slots are taken, it replaces another
    /// one.
    /// </summary>
    /// <param name="origin">Where it comes from.</param>
    /// <param name="turnAway">Called, at most once, if another connection replaces it.</param>
    /// <returns>Releases the slot when it is disposed.</returns>
    public IDisposable BeginOpening(Origin? origin, Action<RefusedException> turnAway) => openings.Take(origin, limit => turnAway(TooManyOpenings(limit, origin)));

    /// <summary>The refusal, if too many connections come from its origin; otherwise null.</summary>
    public RefusedException? CameTooFast(Origin? origin) => origin is { } known && rates?.TryTake(known, clock.Now) == false
        ? new(Refusal.TooFast, $"more than {options.MaxOpeningRatePerAddress} connections a second came from {known}")
        : null;

    /// <summary>
    /// A connection was closed as soon as it was accepted, since there was no room even for a refusal.
    /// </summary>
    public void TurnAway(EndPoint? remote)
    {
        Interlocked.Increment(ref accepted);
        ThreadPool.UnsafeQueueUserWorkItem(static s => s.Self.Note(s.Remote, "", s.Self.TooMany), (Self: this, Remote: remote), preferLocal: false);
    }

    /// <summary>Counts, logs and reports a refusal; a connection that left without a byte is only counted.</summary>
    public void Note(EndPoint? remote, string id, RefusedException refusal, bool isSilent = false)
    {
        if (isSilent && refusal.Refusal == Refusal.NoId)
        {
            Interlocked.Increment(ref silent);
            return;
        }

        Interlocked.Increment(ref refused[(int)refusal.Refusal]);
        log.Refused(remote, id, refusal);
        registry.Refused(id, remote, refusal);
    }

    /// <summary>
    /// Reads the opening, and lets the link serve the connection. Null: it was refused, and got the reason.
    /// </summary>
    /// <remarks>
    /// A pooled builder continues on the thread that completes it, in any context, so all stays on the thread of a
    /// virtual clock.
    /// </remarks>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ServedConnection?> LetInAsync(Visit visit)
    {
        var connection = visit.Connection;
        Interlocked.Increment(ref accepted);
        var isOneTooMany = Interlocked.Increment(ref connections) > most;
        using var opening = new ConnectionOpening(connection, options, form, random, isOneTooMany ? Briefly : null, stopped);
        var changesBefore = revocation.Changes;
        var began = clock.Now;
        ServedConnection? served = null;
        try
        {
            var remote = connection.RemoteEndPoint;
            var origin = Origin.Of(remote);
            if (CameTooFast(origin) is { } tooFast)
                throw await HearVersionAsync(opening, origin, tooFast).ConfigureAwait(false);
            var peer = await OpenAsync(opening, origin, isOneTooMany).ConfigureAwait(false);
            var certificate = (connection as ICertifiedConnection)?.ClientCertificate;
            await certificates.CheckAsync(certificate, peer.Id).ConfigureAwait(false);
            // A certificate that names the id is as good a proof as a key. With a callback (IsCertificateOf) it is not
            // known whether the certificate names one id or is valid for any.
            var isProven = opening.Proven || (certificate is not null && options.IsCertificateOf is null);
            if (isProven || registry.IsExpected(peer.Id))
                IsNoStranger(origin, connection);
            var member = visit.Member = await registry.AdmitAsync(peer, isProven, remote, stopped).ConfigureAwait(false);
            var givesWay = registry.MakeRoom(member, Volatile.Read(ref connections) > most, remote);
            served = member.Link.TryServe(connection, peer, replaces: opening.Proven) ?? throw new RefusedException(Refusal.IdLive, "a connection of this id is live");
            if (givesWay is not null)
                TurnAway(givesWay);
            revocation.Served(opening.Id, changesBefore);
            registry.Served(member, remote);
            Measure(began, refusal: null);
            return served;
        }
        catch (Exception exception)
        {
            // An error after it is served is not its fault.
            if (served is not null)
                return served;
            if (visit.Member is { } member)
                registry.Leave(member);
            var refusal = exception as RefusedException ?? Failed(exception);
            Note(connection.RemoteEndPoint, opening.Id, refusal, opening.IsSilent);
            if (!opening.IsSilent || refusal.Refusal != Refusal.NoId)
                Measure(began, refusal.Refusal);
            await opening.SayNoAsync(refusal.Refusal, refusal.Told).ConfigureAwait(false);
            return null;
        }
    }

    private void Measure(TimeSpan began, Refusal? refusal)
    {
        registry.Telemetry.Opened(clock.Now - began, refusal is { } why ? ServerTelemetry.WordOf(why) : null);
    }

    private RefusedException TooMany => new(Refusal.TooManyConnections, $"{most} connections are there already");

    private static RefusedException TooManyOpenings(OpeningLimit limit, Origin? origin) =>
        new(Refusal.TooManyOpenings, $"{limit.Most} connections{(limit.IsOfOrigin ? $" from {origin}" : "")} have not said their id yet");

    /// <summary>
    /// At most half of the connections: those without a finished opening must leave room for the others.
    /// </summary>
    private static OpeningPlaces PlacesOf(IotLinkServerOptions options, int most)
    {
        var places = Math.Min(options.MaxOpenings, Math.Max(1, most / 2));
        return new(places, options.MaxOpeningsPerAddress ?? int.MaxValue);
    }

    /// <summary>It no longer counts against the limits of its address.</summary>
    private void IsNoStranger(Origin? origin, IConnection connection)
    {
        if (origin is { } known)
            rates?.GiveBack(known);
        (connection as IKnownConnection)?.IsKnown();
    }

    private void TurnAway(Link link)
    {
        Interlocked.Increment(ref turnedAway);
        link.TurnAway();
    }

    /// <summary>
    /// Reads as much of a refused connection as is needed to send the refusal, if it sends its first line soon and its
    /// slot is not needed.
    /// </summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<RefusedException> HearVersionAsync(ConnectionOpening opening, Origin? origin, RefusedException refusal)
    {
        // For its sake nobody else gives way.
        if (openings.IsFull)
            return refusal;
        using var place = BeginOpening(origin, opening.TurnAway);
        try
        {
            await opening.HearVersionAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RefusedException or ProtocolException or LineTooLongException or IOException)
        {
            // It sent nothing, or nothing that could be understood: so it gets no reason.
        }

        return refusal;
    }

    /// <summary>
    /// A failure that is not the peer's fault: the peer learns nothing about the inside of this server.
    /// </summary>
    private static RefusedException Failed(Exception exception) => new(Refusal.ServerFailed, $"{exception.GetType().Name}: {exception.Message}", told: "", exception);

    /// <summary>Opens a connection, one of a limited number at a time.</summary>
    /// <remarks>
    /// A pooled builder continues on the thread that completes it, in any context, so all stays on the thread of a
    /// virtual clock.
    /// </remarks>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<PeerOpening> OpenAsync(ConnectionOpening opening, Origin? origin, bool isOneTooMany)
    {
        using var place = BeginOpening(origin, opening.TurnAway);
        try
        {
            return await opening.ReadAsync().ConfigureAwait(false);
        }
        catch (RefusedException exception) when (isOneTooMany && exception.Refusal is (Refusal.OpeningTimeout or Refusal.NoId))
        {
            // Its time was short, since there was no room for it.
            throw TooMany;
        }
        catch (LineTooLongException exception)
        {
            throw new RefusedException(Refusal.TooLong, exception.Message);
        }
        catch (ProtocolException exception)
        {
            throw new RefusedException(Refusal.BadId, exception.Message);
        }
        catch (NotProvenException exception)
        {
            throw new RefusedException(Refusal.NotProven, exception.Message);
        }
        catch (IOException exception) when (opening.IsChallenged)
        {
            throw new RefusedException(Refusal.NotProven, $"the connection broke before its proof came: {exception.Message}");
        }
        catch (Exception exception) when (exception is not RefusedException)
        {
            throw new RefusedException(Refusal.NoId, exception.Message, told: "the connection broke before it had said its id");
        }
    }
}
