using System.IO.Pipelines;
using System.Net;

namespace Rx.IotLink.Transport;

/// <summary>Makes connections to one peer. Implement it to carry links over something other than TCP.</summary>
public interface ITransport
{
    /// <summary>
    /// Makes a connection for each subscription: gives it and completes, or fails with an <see cref="IOException"/>
    /// that names the endpoint. Unsubscribing abandons the attempt. A stream rather than a task, because the
    /// continuation of a task may leave the thread of a virtual clock.
    /// </summary>
    IObservable<IConnection> Connect();
}

/// <summary>
/// One connection: a duplex pipe of bytes that can fail. Who is given it owns it: completing
/// <see cref="IDuplexPipe.Output"/> ends it in order once what was written is sent (FIN), disposing releases it, and
/// must make reads and writes that are under way come to an end.
/// </summary>
public interface IConnection : IDuplexPipe, IDisposable
{
    /// <summary>The peer's address, if there is one.</summary>
    EndPoint? RemoteEndPoint { get; }
}

/// <summary>
/// A connection that is not gone when it is disposed: it takes in what still arrives, so that what was said last is not
/// lost.
/// </summary>
internal interface ILingeringConnection : IConnection
{
    /// <summary>
    /// Completes, after <see cref="IDisposable.Dispose"/>, when the connection is closed; within a bounded time.
    /// </summary>
    Task Closed { get; }
}
