using System.IO.Pipelines;
using System.Reactive.Concurrency;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Server;

/// <summary>
/// Where connections arrive: each says its id within its own deadline, beside all others, and is then handed to its link or refused. One that
/// misbehaves is closed, counted and logged, and nothing else notices.
/// </summary>
internal sealed class Reception(IotLinkServerOptions options, Fleet fleet, ServerLog log, CancellationToken stopped)
{
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
        Interlocked.Increment(ref accepted);
        var id = "";
        try
        {
            if (Interlocked.Increment(ref connections) > options.MaxConnections)
                throw new RefusedException(Refusal.TooManyConnections, $"{options.MaxConnections} connections are there already");
            id = await OpenAsync(connection).ConfigureAwait(false);
            var (link, refusal) = fleet.Admit(id, connection.RemoteEndPoint);
            if (refusal is not null)
                throw refusal;
            var session = link!.TryServe(connection) ?? throw new RefusedException(Refusal.IdLive, "a connection of this id is live");
            fleet.Served(id, connection.RemoteEndPoint);
            await session.Finished.ConfigureAwait(false);
        }
        catch (RefusedException refusal)
        {
            Interlocked.Increment(ref refused[(int)refusal.Refusal]);
            log.Refused(connection.RemoteEndPoint, id, refusal);
            fleet.Refused(id, connection.RemoteEndPoint, refusal);
        }
        finally
        {
            Interlocked.Decrement(ref connections);
            connection.Dispose();
        }
    }

    private async Task<string> OpenAsync(IConnection connection)
    {
        try
        {
            if (Interlocked.Increment(ref openings) > options.MaxOpenings)
                throw new RefusedException(Refusal.TooManyOpenings, $"{options.MaxOpenings} connections have not said their id yet");
            return await ReadIdAsync(connection).ConfigureAwait(false);
        }
        catch (ProtocolException exception)
        {
            throw new RefusedException(Refusal.BadId, exception.Message);
        }
        catch (Exception exception) when (exception is not RefusedException)
        {
            throw new RefusedException(Refusal.NoId, exception.Message);
        }
        finally
        {
            Interlocked.Decrement(ref openings);
        }
    }

    private async Task<string> ReadIdAsync(IConnection connection)
    {
        var limit = options.OpeningTimeout ?? options.Timeout;
        var late = false;
        using var deadline = options.Scheduler.Schedule(limit, () =>
        {
            Volatile.Write(ref late, true);
            connection.Input.CancelPendingRead();
        });
        using var end = stopped.UnsafeRegister(static input => ((PipeReader)input!).CancelPendingRead(), connection.Input);
        while (true)
        {
            var result = await connection.Input.ReadAsync().ConfigureAwait(false);
            var bytes = result.Buffer;
            if (Opening.TryRead(ref bytes, options.MaxIdBytes, out var id))
            {
                // What follows the id is looked at again by the link.
                connection.Input.AdvanceTo(bytes.Start);
                return id;
            }

            connection.Input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
            if (stopped.IsCancellationRequested)
                throw new RefusedException(Refusal.Stopping, "the server is stopping");
            if (Volatile.Read(ref late))
                throw new RefusedException(Refusal.OpeningTimeout, $"no id within {limit.TotalSeconds:0.###} s");
            if (result.IsCompleted)
                throw new RefusedException(Refusal.NoId, "it closed before it had said its id");
        }
    }
}
