using System.IO.Pipelines;
using System.Net;

namespace Rx.IotLink.Transport;

/// <summary>Makes connections to one peer. Implement it to carry links over something other than TCP.</summary>
public interface ITransport
{
    /// <summary>
    /// Makes a connection for each subscription: gives it and completes, or fails with an <see cref="IOException"/>
    /// that names the endpoint. Unsubscribing cancels the attempt. This is a stream and not a task, because the
    /// continuation of a task may run on another thread than that of a virtual clock.
    /// </summary>
    IObservable<IConnection> Connect();
}

/// <summary>
/// One connection: a duplex pipe of bytes that can fail. The receiver owns it. Completing
/// <see cref="IDuplexPipe.Output"/> ends it in order (FIN) once all written bytes are sent. Disposing releases it, and
/// must end reads and writes in progress.
/// </summary>
public interface IConnection : IDuplexPipe, IDisposable
{
    /// <summary>The peer's address, if there is one.</summary>
    EndPoint? RemoteEndPoint { get; }
}

/// <summary>
/// A connection that stays open for a while when it is disposed: it reads bytes that still arrive, so that the last
/// bytes it sent are not lost.
/// </summary>
internal interface ILingeringConnection : IConnection
{
    /// <summary>
    /// Completes, after <see cref="IDisposable.Dispose"/>, when the connection is closed; within a bounded time.
    /// </summary>
    Task Closed { get; }
}

/// <summary>
/// A connection over our own socket, perhaps with TLS between. Whoever asks for bytes that are not there yet has his
/// thread back at once, and gets the bytes on a thread of the pool that has nothing else to do.
/// </summary>
internal interface ISocketBelow : IConnection
{
    /// <summary>Whether this one is such a connection.</summary>
    bool HasSocketBelow { get; }
}
