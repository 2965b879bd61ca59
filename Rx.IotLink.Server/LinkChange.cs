using System.Net;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>An event in a server's fleet.</summary>
/// <param name="Kind">The kind of event.</param>
/// <param name="Id">The device's id; empty if the connection never sent one.</param>
/// <param name="Link">The device's link; null if it was refused before it had one.</param>
/// <param name="RemoteEndPoint">The address it came from, if known.</param>
/// <param name="Detail">
/// A sentence for people: why it is down or was refused. One line, of printable characters.
/// </param>
/// <param name="Refusal">The limit or rule that refused it, if it was refused.</param>
public sealed record LinkChange(LinkChangeKind Kind, string Id, ILink? Link, EndPoint? RemoteEndPoint, string Detail, Refusal? Refusal = null)
{
    /// <summary>A sentence for people: why it is down or was refused. One line, of printable characters.</summary>
    public string Detail { get; init; } = Printable.Message(Detail);
}

/// <summary>The kinds of <see cref="LinkChange"/>.</summary>
public enum LinkChangeKind
{
    /// <summary>
    /// A device connected for the first time; its link now lasts, unless it is <see cref="Forgotten"/>.
    /// <see cref="Up"/> follows.
    /// </summary>
    Joined,

    /// <summary>A link is up.</summary>
    Up,

    /// <summary>A link is down: an outage.</summary>
    Down,

    /// <summary>A connection was refused; no link changed.</summary>
    Refused,

    /// <summary>
    /// An unknown device had to make room for another (<see cref="IotLinkServerOptions.MaxUnknownIds"/>): the server
    /// has closed its link and deleted all its memory. If the device comes again, <see cref="Joined"/> follows with
    /// another link. Or the application forgot a device (<see cref="IotLinkServer.ForgetAsync"/>). Or another
    /// process has claimed the memory of a device in the session store.
    /// </summary>
    Forgotten,

    /// <summary>
    /// A device sleeps: its link is down, and this is no outage. <see cref="Down"/> follows if it oversleeps.
    /// </summary>
    Asleep,
}

/// <summary>Why a connection was refused.</summary>
public enum Refusal
{
    /// <summary>
    /// There are <see cref="IotLinkServerOptions.MaxConnections"/> connections already, or
    /// <see cref="IotLinkServerOptions.MaxConnectionsPerAddress"/> of unknown devices from its address.
    /// </summary>
    TooManyConnections,

    /// <summary>
    /// It had not finished its opening when another connection replaced it. There were
    /// <see cref="IotLinkServerOptions.MaxOpenings"/> such connections, or
    /// <see cref="IotLinkServerOptions.MaxOpeningsPerAddress"/> from its address.
    /// </summary>
    TooManyOpenings,

    /// <summary>It did not send its id, or prove itself, in time.</summary>
    OpeningTimeout,

    /// <summary>
    /// It closed, or broke, before it had sent all of its id. One that sent nothing at all is not refused, but counted
    /// (<see cref="ServerCounters.SilentConnections"/>).
    /// </summary>
    NoId,

    /// <summary>Its first line is not an id or an opening: it is empty, not UTF-8, or malformed.</summary>
    BadId,

    /// <summary>Its first line, or its id, is too long.</summary>
    TooLong,

    /// <summary>
    /// The id is not expected, and <see cref="IotLinkServerOptions.UnknownIds"/> is
    /// <see cref="UnknownIdPolicy.Refuse"/>.
    /// </summary>
    UnknownId,

    /// <summary>
    /// There are <see cref="IotLinkServerOptions.MaxUnknownIds"/> unknown ids already, or
    /// <see cref="IotLinkServerOptions.MaxUnknownIdsPerAddress"/> from its address, and none of them can be forgotten.
    /// </summary>
    TooManyUnknownIds,

    /// <summary>A connection of this id is live.</summary>
    IdLive,

    /// <summary>The id belongs to another address (<see cref="IotLinkServerOptions.PinAddresses"/>).</summary>
    OtherAddress,

    /// <summary>The server is stopping.</summary>
    Stopping,

    /// <summary>
    /// It did not prove that it knows its key: the id is unknown, there was no proof or a wrong one, or the connection
    /// broke before the proof.
    /// </summary>
    NotProven,

    /// <summary>It speaks a version of the protocol that is switched off, or that needs a key it cannot use.</summary>
    Version,

    /// <summary>The TLS handshake failed, or the device tried TLS on a port without TLS.</summary>
    Tls,

    /// <summary>
    /// The device's session store (<see cref="IotLinkServerOptions.SessionStore"/>) could not be opened, was not opened
    /// in time, or fails now. The detail says why. The device only learns that the server is overloaded, and when to
    /// come again.
    /// </summary>
    StoreFailed,

    /// <summary>
    /// A callback of the application threw, such as <see cref="IotLinkServerOptions.KeyOf"/>. The detail says which.
    /// The device only learns that the server is overloaded, and when to come again.
    /// </summary>
    ServerFailed,

    /// <summary>
    /// Its client certificate is not one of this id (<see cref="IotLinkServerOptions.IsCertificateOf"/>). It gets the
    /// same answer as a device that has not proved itself.
    /// </summary>
    Certificate,

    /// <summary>
    /// More connections came from its address within a second than
    /// <see cref="IotLinkServerOptions.MaxOpeningRatePerAddress"/> allows.
    /// </summary>
    TooFast,

    /// <summary>
    /// It came from one of <see cref="IotLinkServerOptions.TrustedProxies"/> without a PROXY header, or with a
    /// malformed one; or it came with a header from another address, which may not name the client's address.
    /// </summary>
    ProxyHeader,

    /// <summary>
    /// Its id does not have the required form (<see cref="IotLinkServerOptions.IdPattern"/>). The device gets
    /// <c>unknown-id</c>; if the server asks for keys, it gets the same answer as a device that has not proved itself.
    /// </summary>
    IdForm,
}
