using System.Net;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>Something that happened to a server's fleet.</summary>
/// <param name="Kind">What.</param>
/// <param name="Id">The device's id; empty if the connection never said one.</param>
/// <param name="Link">The device's link; null if it was refused before it had one.</param>
/// <param name="RemoteEndPoint">The address it came from, if known.</param>
/// <param name="Detail">
/// A sentence for people: why it is down or was refused. One line, of printable characters.
/// </param>
/// <param name="Refusal">Which limit or rule refused it, if it was.</param>
public sealed record LinkChange(LinkChangeKind Kind, string Id, ILink? Link, EndPoint? RemoteEndPoint, string Detail, Refusal? Refusal = null)
{
    /// <summary>A sentence for people: why it is down or was refused. One line, of printable characters.</summary>
    public string Detail { get; init; } = Printable.Message(Detail);
}

/// <summary>The kinds of <see cref="LinkChange"/>.</summary>
public enum LinkChangeKind
{
    /// <summary>
    /// A device connected for the first time; its link now exists for ever, or until it is <see cref="Forgotten"/>.
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
    /// An unknown device made room for another (<see cref="IotLinkServerOptions.MaxUnknownIds"/>): its link is closed
    /// and forgotten with all its memory. If it comes again, it <see cref="Joined"/> with another link.
    /// </summary>
    Forgotten,
}

/// <summary>Why a connection was refused.</summary>
public enum Refusal
{
    /// <summary>
    /// <see cref="IotLinkServerOptions.MaxConnections"/> are there already, or
    /// <see cref="IotLinkServerOptions.MaxConnectionsPerAddress"/> of unknown devices from its address.
    /// </summary>
    TooManyConnections,

    /// <summary>
    /// It had not said its id when its place was given to another: <see cref="IotLinkServerOptions.MaxOpenings"/> have
    /// not, or <see cref="IotLinkServerOptions.MaxOpeningsPerAddress"/> from its address.
    /// </summary>
    TooManyOpenings,

    /// <summary>It did not say its id, or prove itself, in time.</summary>
    OpeningTimeout,

    /// <summary>
    /// It closed, or broke, before it had said all of its id. One that said nothing at all is not refused, but counted
    /// (<see cref="ServerCounters.SilentConnections"/>).
    /// </summary>
    NoId,

    /// <summary>What it said is no id, or no opening: empty, not UTF-8, malformed.</summary>
    BadId,

    /// <summary>Its first line, or its id, is too long.</summary>
    TooLong,

    /// <summary>
    /// The id is not expected, and <see cref="IotLinkServerOptions.UnknownIds"/> is
    /// <see cref="UnknownIdPolicy.Refuse"/>.
    /// </summary>
    UnknownId,

    /// <summary>
    /// <see cref="IotLinkServerOptions.MaxUnknownIds"/> are known already, or
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
    /// It did not prove that it knows its key: an unknown id, no proof, or a wrong one; or its connection broke before
    /// the proof came.
    /// </summary>
    NotProven,

    /// <summary>It speaks a version of the protocol that is switched off, or that needs a key it cannot use.</summary>
    Version,

    /// <summary>The TLS handshake failed, or was tried where TLS is not spoken.</summary>
    Tls,

    /// <summary>
    /// The device's session store (<see cref="IotLinkServerOptions.SessionStore"/>) could not be opened, was not
    /// opened in time, or fails at present. The detail says why; the device is told
    /// that the server is overloaded, and asked to come again.
    /// </summary>
    StoreFailed,

    /// <summary>
    /// Something that the application gave to the server threw, such as <see cref="IotLinkServerOptions.KeyOf"/>. The
    /// detail says what; the device is told that the server is overloaded, and asked
    /// to come again.
    /// </summary>
    ServerFailed,

    /// <summary>
    /// Its client certificate is not one of this id (<see cref="IotLinkServerOptions.IsCertificateOf"/>). It is told
    /// the same as one that has not proved itself.
    /// </summary>
    Certificate,

    /// <summary>
    /// More connections came from its address within a second than
    /// <see cref="IotLinkServerOptions.MaxOpeningRatePerAddress"/> allows.
    /// </summary>
    TooFast,

    /// <summary>
    /// It came from one of <see cref="IotLinkServerOptions.TrustedProxies"/> without a PROXY header, or with a
    /// malformed one; or it came with one from elsewhere, where nobody may say whose connection it is.
    /// </summary>
    ProxyHeader,

    /// <summary>
    /// Its id has not the form that ids must have (<see cref="IotLinkServerOptions.IdPattern"/>). It is told so
    /// (<c>unknown-id</c>), or where keys are asked for the same as one that has not proved itself.
    /// </summary>
    IdForm,
}
