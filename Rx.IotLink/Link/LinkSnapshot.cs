using System.Net;

namespace Rx.IotLink;

/// <summary>What there is to say of a link, all of one moment.</summary>
/// <param name="State">Its state.</param>
/// <param name="RemoteEndPoint">
/// The address of the connection that serves, or served last; null before the first.
/// </param>
/// <param name="Protocol">The version of the protocol that is spoken.</param>
/// <param name="Counters">Its counts.</param>
/// <param name="LastLineAt">When the bytes arrived that brought the last line.</param>
internal readonly record struct LinkSnapshot(LinkState State, EndPoint? RemoteEndPoint, int Protocol, LinkCounters Counters, DateTimeOffset? LastLineAt);
