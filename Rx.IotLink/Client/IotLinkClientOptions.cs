using System.Net.Security;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Transport;

namespace Rx.IotLink;

/// <summary>How a client finds its server, and what it does when it cannot.</summary>
public sealed record IotLinkClientOptions : LinkOptions
{
    /// <summary>The server's host name or address.</summary>
    public required string Host { get; init; }

    /// <summary>The server's port. Default 8123, as in micropython-iot.</summary>
    public int Port { get; init; } = 8123;

    /// <summary>
    /// This device's name, unique among the server's devices: 1 to 128 bytes of UTF-8, no control characters.
    /// </summary>
    public required string Id { get; init; }

    /// <summary>How long to wait between attempts to connect.</summary>
    public BackOff BackOff { get; init; } = BackOff.Default;

    /// <summary>
    /// The longest that a server's <c>retry</c> is heeded (protocol 2): whoever answers first may say one, before
    /// anything is proved. Up to half of it (<see cref="BackOff.Jitter"/>) comes on top. Default 5 min; 0 to 1 day.
    /// </summary>
    public TimeSpan MaxRetryAfter { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The longest timeout of a server that this client bears (protocol 2): for so long it would not notice that the
    /// server has gone. A connection to a server with a longer one is a failed attempt
    /// (<see cref="LinkNoticeKind.ConnectFailed"/>). Never less than <see cref="LinkOptions.Timeout"/>. Default 5 min;
    /// 1 ms to 1 day.
    /// </summary>
    public TimeSpan MaxTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// An attempt to connect is given up after this. Default null: <see cref="LinkOptions.Timeout"/> or 5 s, whichever
    /// is longer (a handshake over a bad link takes a few retransmissions).
    /// </summary>
    public TimeSpan? ConnectTimeout { get; init; }

    /// <summary>What happens when the very first connection fails. Default: keep trying.</summary>
    public FirstConnection FirstConnection { get; init; } = FirstConnection.KeepTrying;

    /// <summary>
    /// The network under the link, brought up before each attempt and down after each outage. Default: nothing to do.
    /// </summary>
    public INetwork Network { get; init; } = AlwaysOnNetwork.Instance;

    /// <summary>How connections are made. Default null: TCP to <see cref="Host"/> and <see cref="Port"/>.</summary>
    public ITransport? Transport { get; init; }

    /// <summary>
    /// The version of the wire protocol, 2 or 1. Default null: 2, and 1 for one attempt if the server seems to be one
    /// of micropython-iot, which is only believed on a link without <see cref="Key"/>. Where that served for a
    /// <see cref="LinkOptions.Timeout"/>, 1 is gone on with, and 2 tried again after 1, 2, 4 … 64 connections. Such a
    /// server takes each attempt with 2 for a device with an odd name; say 1 to spare it that.
    /// </summary>
    public int? Protocol { get; init; }

    /// <summary>
    /// This device's key, at least 16 bytes, known to the server and to nobody else: both ends then prove that they
    /// know it (protocol 2). Default null: an open link.
    /// </summary>
    public ReadOnlyMemory<byte>? Key { get; init; }

    /// <summary>
    /// Encrypts the link with TLS. Default null: plain TCP. The server's certificate is checked against
    /// <see cref="Host"/> unless <see cref="SslClientAuthenticationOptions.TargetHost"/> is set.
    /// </summary>
    public SslClientAuthenticationOptions? Tls { get; init; }

    /// <summary>
    /// Keeps this end's memory, so that it outlives this process: lines that were written and are not accepted, and
    /// (protocol 2) how far the server's lines are accepted. One store may serve many clients of a process, of
    /// different ids. The store is the caller's: the client does not dispose of it. Default null: in memory, as long as
    /// this client lives.
    /// </summary>
    public ISessionStore? SessionStore { get; init; }

    internal override void Validate()
    {
        base.Validate();
        Require.NotNull(Host, nameof(Host));
        Require.NotFaulty(Host.Length == 0 ? "is empty" : null, Host, nameof(Host));
        Require.InRange(Port, 1, 65_535, nameof(Port));
        Require.NotNull(Id, nameof(Id));
        Require.NotFaulty(LinkId.Fault(Id, LinkId.MaxBytes), Id, nameof(Id));
        if (Protocol is { } version)
            Require.InRange(version, 1, 2, nameof(Protocol));
        if (Key is { } key)
        {
            Require.InRange(key.Length, Proof.LeastKeyBytes, 1_024, $"{nameof(Key)}.Length");
            Require.NotFaulty(Protocol == 1 ? "is of no use with protocol 1, which has no keys" : null, "given", nameof(Key));
        }

        Require.NotNull(BackOff, nameof(BackOff));
        BackOff.Validate();
        Require.Defined(FirstConnection, nameof(FirstConnection));
        Require.NotNull(Network, nameof(Network));
        Require.InRange(MaxRetryAfter, TimeSpan.Zero, TimeSpan.FromDays(1), nameof(MaxRetryAfter));
        Require.InRange(MaxTimeout, TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1), nameof(MaxTimeout));
        if (ConnectTimeout is { } timeout)
            Require.InRange(timeout, TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1), nameof(ConnectTimeout));
    }
}

/// <summary>What a client does when its very first connection fails.</summary>
public enum FirstConnection
{
    /// <summary>The same as after any outage: try for ever.</summary>
    KeepTrying,

    /// <summary>
    /// The link is <see cref="LinkStatus.Refused"/> for good (the ancestor's way: a wrong address shows at once).
    /// </summary>
    Fail,
}
