using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>Where a server listens, which devices it expects, and its limits.</summary>
public sealed record IotLinkServerOptions : LinkOptions
{
    private static readonly TimeSpan MaxOpeningTimeout = TimeSpan.FromHours(1);

    /// <summary>
    /// The TCP port. Default 8123, as in micropython-iot; 0 lets the system choose (see
    /// <see cref="IotLinkServer.EndPoint"/>).
    /// </summary>
    public int Port { get; init; } = 8123;

    /// <summary>The address to listen on. Default: every IPv4 and IPv6 address of this machine.</summary>
    public IPAddress Bind { get; init; } = IPAddress.IPv6Any;

    /// <summary>
    /// The load balancers in front of the server. They send the address of each device with the PROXY protocol, version
    /// 1 or 2, before TLS. A connection from these addresses must begin with such a header, or it is refused
    /// (<see cref="Refusal.ProxyHeader"/>). The address in the header is then used for limits,
    /// <see cref="PinAddresses"/>, logs and <see cref="DeviceConnection.RemoteEndPoint"/>. From all other addresses the
    /// header is refused. It may take as long as <see cref="OpeningTimeout"/>, and have at most 107 bytes (version 1)
    /// or 2,048. Default: none. A network of every address is an error, since then anybody could claim any address.
    /// </summary>
    public IReadOnlyCollection<IPNetwork> TrustedProxies { get; init; } = [];

    /// <summary>
    /// Whether the server opens its own port. False: its connections come from Kestrel endpoints of an ASP.NET Core
    /// application that call <c>UseIotLink()</c>. Default true.
    /// </summary>
    public bool Listen { get; init; } = true;

    /// <summary>Whether the server speaks protocol 2. Default true.</summary>
    public bool Protocol2 { get; init; } = true;

    /// <summary>
    /// Whether the server speaks protocol 1 (micropython-iot) on the same port; the first line of a connection shows
    /// the protocol. Default null: yes on an open server; no if <see cref="KeyOf"/>, <see cref="Keys"/> or
    /// <see cref="KeyFile"/> asks for keys, which protocol 1 does not have. If it is true and there are keys, an id
    /// with a key is still refused over protocol 1.
    /// </summary>
    public bool? Protocol1 { get; init; }

    /// <summary>
    /// Returns the key of a device, at least 16 bytes, or null for an id without a key. An id without a key, or with a
    /// shorter key, is refused. Called when a device connects; it must return quickly. Default null: an open server,
    /// where a device may claim any id. See <see cref="DeviceKeys"/>.
    /// </summary>
    public Func<string, ReadOnlyMemory<byte>?>? KeyOf { get; init; }

    /// <summary>
    /// The keys of devices, which may change while the server runs. An id may have two keys while one replaces the
    /// other; a link ends at once when its key is revoked. Default null: see <see cref="KeyOf"/>. Set at most one of
    /// <see cref="KeyOf"/>, <see cref="Keys"/> and <see cref="KeyFile"/>.
    /// </summary>
    public IDeviceKeys? Keys { get; init; }

    /// <summary>
    /// A file with the devices' keys (<see cref="DeviceKeys"/>), for configuration by text. The server reads it at the
    /// start, and again when it has changed and then stayed the same for a second. Replace it as a whole (write another
    /// file and rename it). If the new file is bad or holds no key, nothing changes, and the log says why. Default
    /// null: none.
    /// </summary>
    public string? KeyFile { get; init; }

    /// <summary>
    /// Whether the server reads <see cref="KeyFile"/> even if its group or others may read or write it. Default false:
    /// such a file is refused. Windows has other access rights; there the option has no effect.
    /// </summary>
    public bool InsecureKeyFile { get; init; }

    /// <summary>
    /// Encrypts every connection with TLS. It holds the server's certificate, and says whether clients must present
    /// one. Default null: plain TCP.
    /// </summary>
    public HttpsConnectionAdapterOptions? Tls { get; init; }

    /// <summary>
    /// Returns whether a client's certificate is valid for an id. If it is not, the client is refused
    /// (<see cref="Refusal.Certificate"/>), after it has proved its key if the server asks for keys. It gets the same
    /// answer as a client with a wrong key. Default null: the certificate is valid if the id is exactly the common name
    /// (CN) of its subject, or one of its alternative names: a DNS name, a URI, or the last part of a URI (after its
    /// last <c>/</c> or <c>:</c>). Called when a client presented a certificate (<see cref="Tls"/>, or the
    /// <c>UseHttps</c> of an endpoint with <c>UseIotLink</c>), and not under a lock. If a call takes longer than an
    /// opening may take, or throws, only that client is refused (<see cref="Refusal.ServerFailed"/>). Not called for a
    /// client that need not present a certificate and does not.
    /// </summary>
    public Func<X509Certificate2, string, bool>? IsCertificateOf { get; init; }

    /// <summary>
    /// How long the server asks a client to wait that it refuses for a temporary reason (its id is live, too many
    /// connections). Default 1 s; 0 to 1 h.
    /// </summary>
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Keeps the memory of all links, so that it survives this process: lines that were written and are not accepted,
    /// and (protocol 2) how far the devices' lines are accepted. The server claims a device's memory when the device
    /// connects for the first time, and not under a lock. If the claim waits or throws, only that device is refused
    /// (<see cref="Refusal.StoreFailed"/>). The caller owns the store: the server does not dispose of it. Default null:
    /// in memory, as long as this server exists.
    /// </summary>
    public ISessionStore? SessionStore { get; init; }

    /// <summary>
    /// The ids of the expected devices. <see cref="IotLinkServer.WaitForAllAsync"/> waits for them. Other devices are
    /// unknown, unless they have proved themselves with a key (<see cref="KeyOf"/>). Default: none.
    /// </summary>
    public IReadOnlyCollection<string> Expected { get; init; } = [];

    /// <summary>
    /// What happens to an unknown device, which is neither expected nor proven. Default: it is accepted; with a
    /// warning, as in micropython-iot, if <see cref="Expected"/> is not empty.
    /// </summary>
    public UnknownIdPolicy UnknownIds { get; init; } = UnknownIdPolicy.Accept;

    /// <summary>
    /// The most links of unknown ids at a time, that is of devices that are neither expected nor proven. A further one
    /// replaces the unknown link that is not connected and was up for the shortest time in all. If all are connected,
    /// it replaces one of an address that has more of them; if there is no such address, it is refused
    /// (<c>overloaded</c>). The server forgets the replaced link with all its memory: it closes the link, and lines
    /// that were not delivered or read are lost. Records in a session store stay there. Default 1,000; 0 to 10,000,000.
    /// </summary>
    public int MaxUnknownIds { get; init; } = 1_000;

    /// <summary>
    /// The most links of unknown ids at a time that one address (IPv6: one /64 network) has made. A further one
    /// replaces another of the same address, or is refused. Default null: no separate limit, since many devices may
    /// share an address; addresses share <see cref="MaxUnknownIds"/> fairly.
    /// </summary>
    public int? MaxUnknownIdsPerAddress { get; init; }

    /// <summary>
    /// The bytes that all links together may hold: lines that are not read yet, and bytes that are being sent. A link
    /// that holds more than what is left for others, and more than its share of half of this number, is slowed. The
    /// server then reads hardly anything from its connection. The connection stays up, and the device keeps its lines
    /// (best-effort lines may be lost). Other links are not affected. Each link may always have one line waiting and
    /// one being sent. Lines that the application has written have a limit of their own
    /// (<see cref="LinkOptions.OutboxLines"/>). Default null: a quarter of the memory that the process may have, at
    /// least 8 MiB and at most 4 GiB. 64 KiB to 1 TiB.
    /// </summary>
    public long? MaxBufferedBytes { get; init; }

    /// <summary>The longest id, in bytes of UTF-8. Default 128.</summary>
    public int MaxIdBytes { get; init; } = 128;

    /// <summary>
    /// The form of ids: a regular expression (without look-around and back-references) that must match the whole id. An
    /// id of another form is refused (<see cref="Refusal.IdForm"/>) before the application sees it. Ids in
    /// <see cref="Expected"/>, in a key file or in <see cref="DeviceKeys"/> may have any form, since the owner chose
    /// them. Default null: ASCII letters, digits, blanks and <c>._:@+#-</c>; the first is a letter or digit, the last
    /// is not a blank or dot. In any form, control, invisible and direction-changing characters are refused; with
    /// <see cref="SessionStore"/> also a part of dots alone between <c>/</c> and <c>\</c>.
    /// </summary>
    public string? IdPattern { get; init; }

    /// <summary>
    /// The most connections at a time. For a further connection of an expected or proven device, the server ends one of
    /// an unknown device. For a further connection of an unknown device it does so only if another address has more of
    /// them. Otherwise the further connection is refused (<c>overloaded</c>). Default 100,000; 1 to 10,000,000. If the
    /// process may not open so many files and sockets (<c>ulimit -n</c>), the server serves fewer, and a warning at the
    /// start says how many. It keeps a reserve, without which the runtime would end the process.
    /// </summary>
    public int MaxConnections { get; init; } = 100_000;

    /// <summary>
    /// The most connections at a time of unknown devices from one address (IPv6: one /64 network); a further one is
    /// refused (<c>overloaded</c>). Expected or proven devices do not count: a gateway with 50,000 of them needs no
    /// other setting. Default null: no separate limit; when there is no room left, the address with the most
    /// connections loses one. If the process may not open as many files and sockets as <see cref="MaxConnections"/>
    /// says, the limit is half of what it may open.
    /// </summary>
    public int? MaxConnectionsPerAddress { get; init; }

    /// <summary>
    /// The most connections at a time that have not finished their opening (the TLS handshake and the id). Never more
    /// than half of the allowed connections. A further one replaces the oldest from the address that has the most of
    /// them, which is refused (<c>overloaded</c>). An honest device needs one round trip for its opening, so the oldest
    /// one is unusually slow. Default 4,000; 1 to 10,000,000. Set more if a larger fleet comes back all at
    /// once: as many as connect within a round trip.
    /// </summary>
    public int MaxOpenings { get; init; } = 4_000;

    /// <summary>
    /// The same for one address (IPv6: one /64 network): a further one replaces the oldest of the same address. Default
    /// null: no separate limit.
    /// </summary>
    public int? MaxOpeningsPerAddress { get; init; }

    /// <summary>
    /// The connections a second that one address (IPv6: one /64 network) may make on average; twice as many at once. A
    /// further one is refused (<c>overloaded</c>; with TLS it is closed before its handshake). Connections that prove
    /// to be of expected or proven devices do not count. Default 2,000: 4,000 unknown devices behind one address can
    /// come back at once. Null: no limit; 1 to 1,000,000.
    /// </summary>
    public int? MaxOpeningRatePerAddress { get; init; } = 2_000;

    /// <summary>
    /// How long a connection may take for its opening: to say its id and to prove its key. Before that it may take as
    /// long again for each of these: the header of a load balancer (<see cref="TrustedProxies"/>), and the TLS
    /// handshake, if the server has its own port. Default null: five times <see cref="LinkOptions.Timeout"/>, but at
    /// most 1 h. A small device needs seconds for a handshake, and in a flood a device has to wait. Slow connections
    /// are ended earlier if others need the place (<see cref="MaxOpenings"/>). 1 ms to 1 h.
    /// </summary>
    public TimeSpan? OpeningTimeout { get; init; }

    /// <summary>
    /// Whether an id is reserved for the network address it comes from. While it is up there, and afterwards for as
    /// long as it was up there in all (at least one <see cref="LinkOptions.Timeout"/>), other addresses are refused
    /// (<see cref="Refusal.OtherAddress"/>, <c>busy</c>). So a stranger that came first does not keep an id for good. A
    /// restarted server forgets these addresses. Default false, since addresses given by DHCP may change. With either
    /// setting <see cref="LinkNoticeKind.AddressChanged"/> reports a change, since in protocol 1 any device with an id
    /// gets its lines.
    /// </summary>
    public bool PinAddresses { get; init; }

    /// <summary>
    /// Where the server logs. An exception of a log provider does no harm, and is counted
    /// (<see cref="ServerCounters.LogFailures"/>). Default: nowhere.
    /// </summary>
    public ILoggerFactory LoggerFactory { get; init; } = NullLoggerFactory.Instance;

    internal bool IsTrustedProxy(EndPoint? remote) =>
        TrustedProxies.Count > 0 && remote is IPEndPoint { Address: var address } && TrustedProxies.Any(n => n.Contains(address));

    internal long BufferedBytes => MaxBufferedBytes ?? Math.Clamp(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4, 8L << 20, 4L << 30);

    internal TimeSpan OpeningLimit => OpeningTimeout ?? (Timeout < MaxOpeningTimeout / 5 ? 5 * Timeout : MaxOpeningTimeout);

    internal bool SpeaksProtocol1 => Protocol1 ?? !AsksForKeys;

    private bool AsksForKeys => KeyOf is not null || Keys is not null || KeyFile is not null;

    /// <summary>The same options with the keys in one form, read from the key file if there is one.</summary>
    internal IotLinkServerOptions WithKeys(ServerLog log) => this with
    {
        Keys = KeyFile is not null ? new KeyFileWatch(KeyFile, InsecureKeyFile, Scheduler, log) : KeyOf is not null ? new KeysOfOne(KeyOf) : Keys,
        KeyOf = null,
        KeyFile = null,
    };

    internal override void Validate()
    {
        base.Validate();
        Require.InRange(Port, 0, 65_535, nameof(Port));
        Require.NotNull(Bind, nameof(Bind));
        Require.NotNull(Expected, nameof(Expected));
        Require.NotNull(TrustedProxies, nameof(TrustedProxies));
        foreach (var network in TrustedProxies)
            Require.NotFaulty(ProxyNetwork.Fault(network), network, nameof(TrustedProxies));
        Require.InRange(RetryAfter, TimeSpan.Zero, TimeSpan.FromHours(1), nameof(RetryAfter));
        Require.NotFaulty(!Protocol2 && !SpeaksProtocol1 ? "and Protocol1 are both off" : null, Protocol2, nameof(Protocol2));
        Require.NotFaulty(!Protocol2 && AsksForKeys ? "is of no use without protocol 2" : null, "given", KeyFile is not null ? nameof(KeyFile) : Keys is not null ? nameof(Keys) : nameof(KeyOf));
        Require.NotFaulty(KeyFile is not null && KeyOf is not null ? "and KeyOf are both given" : KeyFile?.Length == 0 ? "is empty" : null, KeyFile ?? "", nameof(KeyFile));
        Require.NotFaulty(Keys is null ? null : KeyOf is not null ? "and KeyOf are both given" : KeyFile is not null ? "and KeyFile are both given" : null, "given", nameof(Keys));
        Require.NotFaulty(InsecureKeyFile && KeyFile is null ? "is of no use without KeyFile" : null, InsecureKeyFile, nameof(InsecureKeyFile));
        if (Tls is not null)
            Require.NotFaulty(TlsFault(Tls), "given", nameof(Tls));
        Require.InRange(MaxIdBytes, 1, 4_096, nameof(MaxIdBytes));
        foreach (var id in Expected)
            Require.NotFaulty(id is null ? "is null" : LinkId.Fault(id, MaxIdBytes) ?? (SessionStore is null ? null : IdForm.StoreFault(id)), Printable.Of(id ?? ""), nameof(Expected));
        Require.NotFaulty(IdPattern is null ? null : IdForm.PatternFault(IdPattern), IdPattern ?? "", nameof(IdPattern));
        Require.Defined(UnknownIds, nameof(UnknownIds));
        Require.InRange(MaxUnknownIds, 0, 10_000_000, nameof(MaxUnknownIds));
        Require.InRange(MaxConnections, 1, 10_000_000, nameof(MaxConnections));
        Require.InRange(MaxOpenings, 1, 10_000_000, nameof(MaxOpenings));
        Require.InRange(MaxBufferedBytes ?? 65_536, 65_536, 1L << 40, nameof(MaxBufferedBytes));
        Require.InRange(MaxUnknownIdsPerAddress ?? 1, 1, 10_000_000, nameof(MaxUnknownIdsPerAddress));
        Require.InRange(MaxConnectionsPerAddress ?? 1, 1, 10_000_000, nameof(MaxConnectionsPerAddress));
        Require.InRange(MaxOpeningsPerAddress ?? 1, 1, 10_000_000, nameof(MaxOpeningsPerAddress));
        Require.InRange(MaxOpeningRatePerAddress ?? 1, 1, 1_000_000, nameof(MaxOpeningRatePerAddress));
        if (OpeningTimeout is { } limit)
            Require.InRange(limit, TimeSpan.FromMilliseconds(1), MaxOpeningTimeout, nameof(OpeningTimeout));
        Require.NotNull(LoggerFactory, nameof(LoggerFactory));
    }

    private static string? TlsFault(HttpsConnectionAdapterOptions tls) => tls switch
    {
        { ServerCertificate: null, ServerCertificateSelector: null } => "has neither ServerCertificate nor ServerCertificateSelector",
        { ServerCertificate.HasPrivateKey: false } => "has a ServerCertificate without its private key",
        _ => null,
    };
}

/// <summary>
/// What happens to a device that is neither expected nor proven with a key.
/// </summary>
public enum UnknownIdPolicy
{
    /// <summary>It is served like any other, with a warning in the log if some devices are expected.</summary>
    Accept,

    /// <summary>Its connection is closed.</summary>
    Refuse,
}
