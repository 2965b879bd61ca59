using System.Net.Security;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Transport;

namespace Rx.IotLink;

/// <summary>How a client connects to its server, and what it does when it cannot.</summary>
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
    /// The longest pause that a server may ask for with <c>retry</c> (protocol 2); a longer one counts as this. An
    /// impostor may send one, since it comes before the proofs. Up to half of it (<see cref="BackOff.Jitter"/>) is
    /// added. Default 5 min; 0 to 1 day.
    /// </summary>
    public TimeSpan MaxRetryAfter { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The longest timeout of a server that this client accepts (protocol 2), since it needs as long to notice that the
    /// server has gone. A connection to a server with a longer timeout is a failed attempt
    /// (<see cref="LinkNoticeKind.ConnectFailed"/>). Never less than <see cref="LinkOptions.Timeout"/>. Default 5 min;
    /// 1 ms to 1 day.
    /// </summary>
    public TimeSpan MaxTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The time limit for one attempt to connect. Default null: <see cref="LinkOptions.Timeout"/> or 5 s, whichever is
    /// longer (a handshake over a bad link takes a few retransmissions).
    /// </summary>
    public TimeSpan? ConnectTimeout { get; init; }

    /// <summary>What happens when the very first connection fails. Default: keep trying.</summary>
    public FirstConnection FirstConnection { get; init; } = FirstConnection.KeepTrying;

    /// <summary>
    /// The network under the link. The client brings it up before each attempt and down after each outage. Default: one
    /// that is always up.
    /// </summary>
    public INetwork Network { get; init; } = AlwaysOnNetwork.Instance;

    /// <summary>How connections are made. Default null: TCP to <see cref="Host"/> and <see cref="Port"/>.</summary>
    public ITransport? Transport { get; init; }

    /// <summary>
    /// The version of the wire protocol, 2 or 1. Default null: 2, and 1 for one attempt if the server seems to be one
    /// of micropython-iot (only on a link without <see cref="Key"/>). If that connection lasted for a
    /// <see cref="LinkOptions.Timeout"/>, the client continues with 1, and tries 2 again after 1, 2, 4 … 64
    /// connections. A micropython-iot server takes each attempt with 2 for a device with an odd name; set 1 to avoid
    /// that.
    /// </summary>
    public int? Protocol { get; init; }

    /// <summary>
    /// This device's key, at least 16 bytes, that only this device and the server know. Both ends then prove that they
    /// know it (protocol 2). Default null: an open link.
    /// </summary>
    public ReadOnlyMemory<byte>? Key { get; init; }

    /// <summary>
    /// Encrypts the link with TLS. Default null: plain TCP. The server's certificate is checked against
    /// <see cref="Host"/> unless <see cref="SslClientAuthenticationOptions.TargetHost"/> is set.
    /// </summary>
    public SslClientAuthenticationOptions? Tls { get; init; }

    /// <summary>
    /// Keeps this end's memory, so that it survives this process: lines that were written and are not accepted, and
    /// (protocol 2) how far the server's lines are accepted. One store may serve many clients of a process, with
    /// different ids. The caller owns the store: the client does not dispose of it. Default null: in memory, as long as
    /// this client exists.
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
    /// The link is <see cref="LinkStatus.Refused"/> for good. A wrong address then shows at once, as in
    /// micropython-iot.
    /// </summary>
    Fail,
}
