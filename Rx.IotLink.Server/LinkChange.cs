using System.Net;

namespace Rx.IotLink.Server;

/// <summary>Something that happened to a server's fleet.</summary>
/// <param name="Kind">What.</param>
/// <param name="Id">The device's id; empty if the connection never said one.</param>
/// <param name="Link">The device's link; null if it was refused before it had one.</param>
/// <param name="RemoteEndPoint">The address it came from, if known.</param>
/// <param name="Detail">A sentence for people: why it is down or was refused.</param>
public sealed record LinkChange(LinkChangeKind Kind, string Id, ILink? Link, EndPoint? RemoteEndPoint, string Detail);

/// <summary>The kinds of <see cref="LinkChange"/>.</summary>
public enum LinkChangeKind
{
    /// <summary>A device connected for the first time; its link now exists for ever. <see cref="Up"/> follows.</summary>
    Joined,

    /// <summary>A link is up.</summary>
    Up,

    /// <summary>A link is down: an outage.</summary>
    Down,

    /// <summary>A connection was refused; no link changed.</summary>
    Refused,
}
