using System.Net;

namespace Rx.IotLink.Transport;

/// <summary>Counts a socket.</summary>
internal interface ISocketOwner
{
    /// <summary>
    /// Its device is expected, or has proved itself: no limit for strangers applies to it. At most once.
    /// </summary>
    void Known();

    /// <summary>
    /// A load balancer has sent the client's address, and the connection counts for that address. Before
    /// <see cref="Known"/>, at most once. False: that address has too many already.
    /// </summary>
    bool TryCountFor(EndPoint client);

    /// <summary>It is closed, and its connection is no longer served. Once.</summary>
    void Ended();
}

/// <summary>A connection that counts differently once its device is known.</summary>
internal interface IKnownConnection
{
    /// <summary>Its device is expected, or has proved itself. At most once.</summary>
    void IsKnown();
}

/// <summary>A connection that a load balancer may make for a client.</summary>
internal interface IProxiedConnection
{
    /// <summary>
    /// The balancer has sent the client's address. At most once. False: that address has too many connections already.
    /// </summary>
    bool TryComeFor(EndPoint client);
}
