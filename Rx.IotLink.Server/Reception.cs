using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Runtime.CompilerServices;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>
/// Where connections arrive: each says who it is within its own deadline, beside all others, and is then handed to its link or refused. One that
/// misbehaves is told why (where its protocol has words for it), closed, counted and logged, and nothing else notices.
/// </summary>
/// <param name="options">The limits.</param>
/// <param name="room">How many connections the process has descriptors for.</param>
/// <param name="fleet">The links.</param>
/// <param name="revocation">What ends links whose key is revoked.</param>
/// <param name="random">For challenges.</param>
/// <param name="log">Where refusals are logged.</param>
/// <param name="stopped">When no opening is waited for any more.</param>
internal sealed class Reception(IotLinkServerOptions options, int room, Fleet fleet, Revocation revocation, FillRandom random, ServerLog log, CancellationToken stopped)
{
    /// <summary>How long one connection too many may take to say in which protocol it can be told so.</summary>
    private static readonly TimeSpan Briefly = TimeSpan.FromSeconds(2);

    private readonly int most = Math.Min(options.MaxConnections, room);
    private readonly CertificateCheck certificates = new(options, stopped);
    private readonly long[] refused = new long[Enum.GetValues<Refusal>().Length];
    private int connections;
    private int openings;
    private long accepted;

    public ServerCounters Counters => new()
    {
        Connections = Volatile.Read(ref connections),
        Openings = Volatile.Read(ref openings),
        ConnectionsAccepted = Interlocked.Read(ref accepted),
        Refused = Enum.GetValues<Refusal>().ToDictionary(r => r, r => Interlocked.Read(ref refused[(int)r])),
        Links = fleet.Count,
    };

    /// <summary>Serves a connection; completes when it has ended.</summary>
    public async Task ReceiveAsync(IConnection connection)
    {
        try
        {
            // Of its opening nothing is held while it is served.
            if (await LetInAsync(connection).ConfigureAwait(false) is { } session)
                await session.Finished.ConfigureAwait(false);
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

    /// <summary>Takes one of the places of connections that have not said their id yet, or says why there is none.</summary>
    public bool TryBeginOpening([NotNullWhen(false)] out RefusedException? limit)
    {
        limit = Interlocked.Increment(ref openings) > options.MaxOpenings
            ? new(Refusal.TooManyOpenings, $"{options.MaxOpenings} connections have not said their id yet")
            : null;
        if (limit is not null)
            EndOpening();
        return limit is null;
    }

    /// <summary>
    /// A connection was closed as soon as it was accepted, since there was not even room to tell it why.
    /// </summary>
    public void TurnAway(EndPoint? remote)
    {
        Interlocked.Increment(ref accepted);
        ThreadPool.UnsafeQueueUserWorkItem(static s => s.Self.Note(s.Remote, "", s.Self.TooMany), (Self: this, Remote: remote), preferLocal: false);
    }

    /// <summary>Gives the place back.</summary>
    public void EndOpening() => Interlocked.Decrement(ref openings);

    /// <summary>Counts, logs and tells a refusal.</summary>
    public void Note(EndPoint? remote, string id, RefusedException refusal)
    {
        Interlocked.Increment(ref refused[(int)refusal.Refusal]);
        log.Refused(remote, id, refusal);
        fleet.Refused(id, remote, refusal);
    }

    /// <summary>Hears who it is, and has its link serve it. Null: it was refused, and told so.</summary>
    /// <remarks>The pooled builder continues on the thread that completes it, whatever its context: a virtual clock's thread is not left.</remarks>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Session?> LetInAsync(IConnection connection)
    {
        Interlocked.Increment(ref accepted);
        var isOneTooMany = Interlocked.Increment(ref connections) > most;
        using var opening = new ConnectionOpening(connection, options, random, isOneTooMany ? Briefly : null, stopped);
        var changesBefore = revocation.Changes;
        Session? session = null;
        try
        {
            if (isOneTooMany)
                throw await TooManyAsync(opening).ConfigureAwait(false);
            var peer = (await OpenAsync(opening, onlyVersion: false).ConfigureAwait(false))!;
            await certificates.CheckAsync((connection as KestrelConnection)?.ClientCertificate, peer.Id).ConfigureAwait(false);
            var link = await fleet.AdmitAsync(peer, opening.Proven, connection.RemoteEndPoint, stopped).ConfigureAwait(false);
            session = link.TryServe(connection, peer, replaces: opening.Proven) ?? throw new RefusedException(Refusal.IdLive, "a connection of this id is live");
            revocation.Served(opening.Id, changesBefore);
            fleet.Served(opening.Id, connection.RemoteEndPoint);
            return session;
        }
        catch (Exception exception)
        {
            // What went wrong once it is served is not its fault.
            if (session is not null)
                return session;
            var refusal = exception as RefusedException ?? Failed(exception);
            Note(connection.RemoteEndPoint, opening.Id, refusal);
            await opening.SayNoAsync(refusal.Refusal, refusal.Told).ConfigureAwait(false);
            return null;
        }
    }

    private RefusedException TooMany => new(Refusal.TooManyConnections, $"{most} connections are there already");

    /// <summary>
    /// One connection too many is heard so far that it can be told why it is refused, if there is a place for that.
    /// </summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<RefusedException> TooManyAsync(ConnectionOpening opening)
    {
        try
        {
            await OpenAsync(opening, onlyVersion: true).ConfigureAwait(false);
        }
        catch (RefusedException)
        {
            // It said nothing that could be understood, or nothing at all: so it is not told.
        }

        return TooMany;
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

    /// <summary>
    /// Has a connection open, one of a limited number at a time. Null: only the version was asked for.
    /// </summary>
    /// <remarks>The pooled builder continues on the thread that completes it, whatever its context: a virtual clock's thread is not left.</remarks>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<PeerOpening?> OpenAsync(ConnectionOpening opening, bool onlyVersion)
    {
        if (!TryBeginOpening(out var limit))
            throw limit;
        try
        {
            if (!onlyVersion)
                return await opening.ReadAsync().ConfigureAwait(false);
            await opening.HearVersionAsync().ConfigureAwait(false);
            return null;
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
        finally
        {
            EndOpening();
        }
    }
}
