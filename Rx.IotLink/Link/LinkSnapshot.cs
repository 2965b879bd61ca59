using System.Net;

namespace Rx.IotLink;

/// <summary>The state of a link at one moment.</summary>
/// <param name="State">Its state.</param>
/// <param name="RemoteEndPoint">
/// The address of the current connection, or of the last one; null before the first.
/// </param>
/// <param name="Protocol">The current version of the protocol.</param>
/// <param name="Counters">Its counts.</param>
/// <param name="LastLineAt">When the bytes that completed the last line arrived.</param>
internal readonly record struct LinkSnapshot(LinkState State, EndPoint? RemoteEndPoint, int Protocol, LinkCounters Counters, DateTimeOffset? LastLineAt);
