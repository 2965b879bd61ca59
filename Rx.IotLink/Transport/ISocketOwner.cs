using System.Net;

namespace Rx.IotLink.Transport;

/// <summary>Who counts a socket.</summary>
internal interface ISocketOwner
{
    /// <summary>
    /// Its device is expected, or has proved itself: no limit for strangers concerns it. At most once.
    /// </summary>
    void Known();

    /// <summary>
    /// A load balancer has said whose connection it is, so that it counts as one of theirs. Before <see cref="Known"/>,
    /// at most once. False: they have too many already.
    /// </summary>
    bool TryCountFor(EndPoint client);

    /// <summary>It is closed, and nobody serves its connection any more. Once.</summary>
    void Ended();
}

/// <summary>A connection that counts otherwise when its device is known.</summary>
internal interface IKnownConnection
{
    /// <summary>Its device is expected, or has proved itself. At most once.</summary>
    void IsKnown();
}

/// <summary>A connection that a load balancer may make for somebody else.</summary>
internal interface IProxiedConnection
{
    /// <summary>The balancer has said for whom. At most once. False: they have too many connections already.</summary>
    bool TryComeFor(EndPoint client);
}
