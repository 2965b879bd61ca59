using System.Net;
using System.Runtime.CompilerServices;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Time;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>
/// Where connections arrive: each says who it is within its own deadline, beside all others, and is then handed to its
/// link or refused. One that misbehaves is told why (where its protocol has words for it), closed, counted and logged,
/// and nothing else notices.
/// </summary>
/// <param name="options">The limits.</param>
/// <param name="room">How many connections the process has descriptors for.</param>
/// <param name="registry">The links.</param>
/// <param name="revocation">What ends links whose key is revoked.</param>
/// <param name="random">For challenges.</param>
/// <param name="log">Where refusals are logged.</param>
/// <param name="stopped">When no opening is waited for any more.</param>
internal sealed class Admission(IotLinkServerOptions options, int room, DeviceRegistry registry, Revocation revocation, FillRandom random, ServerLog log, CancellationToken stopped)
{
    /// <summary>
    /// How long one connection too many may take to say who it is, or in which protocol it can be told that it is one.
    /// </summary>
    private static readonly TimeSpan Briefly = TimeSpan.FromSeconds(2);

    /// <summary>As many as come within so long may come at once.</summary>
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
        Links = registry.Count,
        UnknownIds = registry.UnknownIds.Known,
        UnknownIdsForgotten = registry.UnknownIds.Forgotten,
        BufferedBytes = registry.Budget.Held,
        LinksSlowed = registry.Budget.TimesSlowed,
        ConnectionsTurnedAway = Interlocked.Read(ref turnedAway),
    };

    /// <summary>Serves a connection; completes when it has ended.</summary>
    public async Task ReceiveAsync(IConnection connection)
    {
        try
        {
            // Of its opening nothing is held while it is served.
            if (await LetInAsync(connection).ConfigureAwait(false) is { } visit)
            {
                try
                {
                    await visit.Connection.Finished.ConfigureAwait(false);
                }
                finally
                {
                    registry.Leave(visit.Member);
                }
            }

            connection.Dispose();
        }
        catch (Exception)
        {
            // A connection is somebody else's, and may throw from whatever it does: one that was reset does when it is
            // ended. There is nothing left to be done for it.
            _ = TryDispose(connection);
        }
        finally
        {
            Interlocked.Decrement(ref connections);
            (connection as SocketConnection)?.Served();
        }
    }

    /// <summary>
    /// Takes one of the places of connections that have not said their id yet. A full house gives the place of another
    /// to it.
    /// </summary>
    /// <param name="origin">Where it comes from.</param>
    /// <param name="turnAway">Called, once at most, if its own place is given to another.</param>
    /// <returns>What gives the place back when it is disposed.</returns>
    public IDisposable BeginOpening(Origin? origin, Action<RefusedException> turnAway) => openings.Take(origin, limit => turnAway(TooManyOpenings(limit, origin)));

    /// <summary>Why it is refused, if more come from there than may.</summary>
    public RefusedException? CameTooFast(Origin? origin) => origin is { } known && rates?.TryTake(known, clock.Now) == false
        ? new(Refusal.TooFast, $"more than {options.MaxOpeningRatePerAddress} connections a second came from {known}")
        : null;

    /// <summary>
    /// A connection was closed as soon as it was accepted, since there was not even room to tell it why.
    /// </summary>
    public void TurnAway(EndPoint? remote)
    {
        Interlocked.Increment(ref accepted);
        ThreadPool.UnsafeQueueUserWorkItem(static s => s.Self.Note(s.Remote, "", s.Self.TooMany), (Self: this, Remote: remote), preferLocal: false);
    }

    /// <summary>Counts, logs and tells a refusal; one that left without a byte is only counted.</summary>
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

    /// <summary>Hears who it is, and has its link serve it. Null: it was refused, and told so.</summary>
    /// <remarks>
    /// The pooled builder continues on the thread that completes it, whatever its context: a virtual clock's thread is
    /// not left.
    /// </remarks>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Visit?> LetInAsync(IConnection connection)
    {
        Interlocked.Increment(ref accepted);
        var isOneTooMany = Interlocked.Increment(ref connections) > most;
        using var opening = new ConnectionOpening(connection, options, form, random, isOneTooMany ? Briefly : null, stopped);
        var changesBefore = revocation.Changes;
        ServedConnection? session = null;
        DeviceRegistry.Member? member = null;
        try
        {
            var remote = connection.RemoteEndPoint;
            var origin = Origin.Of(remote);
            if (CameTooFast(origin) is { } tooFast)
                throw await HearVersionAsync(opening, origin, tooFast).ConfigureAwait(false);
            var peer = await OpenAsync(opening, origin, isOneTooMany).ConfigureAwait(false);
            var certificate = (connection as KestrelConnection)?.ClientCertificate;
            await certificates.CheckAsync(certificate, peer.Id).ConfigureAwait(false);
            // A certificate that names the id proves it as well as a key; one that may speak for any id does not.
            var isProven = opening.Proven || (certificate is not null && options.IsCertificateOf is null);
            if (isProven || registry.IsExpected(peer.Id))
                IsNoStranger(origin, connection);
            member = await registry.AdmitAsync(peer, isProven, remote, stopped).ConfigureAwait(false);
            var givesWay = registry.MakeRoom(member, Volatile.Read(ref connections) > most, remote);
            session = member.Link.TryServe(connection, peer, replaces: opening.Proven) ?? throw new RefusedException(Refusal.IdLive, "a connection of this id is live");
            if (givesWay is not null)
                TurnAway(givesWay);
            revocation.Served(opening.Id, changesBefore);
            registry.Served(member, remote);
            return new(session, member);
        }
        catch (Exception exception)
        {
            // What went wrong once it is served is not its fault.
            if (session is not null)
                return new(session, member!);
            if (member is not null)
                registry.Leave(member);
            var refusal = exception as RefusedException ?? Failed(exception);
            Note(connection.RemoteEndPoint, opening.Id, refusal, opening.IsSilent);
            await opening.SayNoAsync(refusal.Refusal, refusal.Told).ConfigureAwait(false);
            return null;
        }
    }

    private RefusedException TooMany => new(Refusal.TooManyConnections, $"{most} connections are there already");

    private static RefusedException TooManyOpenings(OpeningLimit limit, Origin? origin) =>
        new(Refusal.TooManyOpenings, $"{limit.Most} connections{(limit.IsOfOrigin ? $" from {origin}" : "")} have not said their id yet");

    /// <summary>Half of the house at most: what has not said its id yet must leave room for those that have.</summary>
    private static OpeningPlaces PlacesOf(IotLinkServerOptions options, int most)
    {
        var places = Math.Min(options.MaxOpenings, Math.Max(1, most / 2));
        return new(places, options.MaxOpeningsPerAddress ?? int.MaxValue);
    }

    /// <summary>It does not count against the limits of its address any more.</summary>
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
    /// One that is refused already is heard so far that it can be told so, if it speaks soon and its place is not
    /// needed.
    /// </summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<RefusedException> HearVersionAsync(ConnectionOpening opening, Origin? origin, RefusedException refusal)
    {
        using var place = BeginOpening(origin, opening.TurnAway);
        try
        {
            await opening.HearVersionAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RefusedException or ProtocolException or LineTooLongException or IOException)
        {
            // It said nothing that could be understood, or nothing at all: so it is not told.
        }

        return refusal;
    }

    /// <summary>What the peer did nothing for: of what is inside this server it is told nothing.</summary>
    private static RefusedException Failed(Exception exception) => new(Refusal.ServerFailed, $"{exception.GetType().Name}: {exception.Message}", told: "", exception);

    private static bool TryDispose(IConnection connection)
    {
        try
        {
            connection.Dispose();
            return true;
        }
        catch (Exception)
        {
            return false;
        }
    }

    /// <summary>Has a connection open, one of a limited number at a time.</summary>
    /// <remarks>
    /// The pooled builder continues on the thread that completes it, whatever its context: a virtual clock's thread is
    /// not left.
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
            // It had no time to spare, since there was no room for it.
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

    /// <summary>A connection that is served, and whose it is.</summary>
    private readonly record struct Visit(ServedConnection Connection, DeviceRegistry.Member Member);
}
