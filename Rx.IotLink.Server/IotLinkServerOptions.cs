using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>Where a server listens, whom it expects and what it endures.</summary>
public sealed record IotLinkServerOptions : LinkOptions
{
    /// <summary>
    /// The TCP port. Default 8123, as in micropython-iot; 0 lets the system choose (see
    /// <see cref="IotLinkServer.EndPoint"/>).
    /// </summary>
    public int Port { get; init; } = 8123;

    /// <summary>The address to listen on. Default: every IPv4 and IPv6 address of this machine.</summary>
    public IPAddress Bind { get; init; } = IPAddress.IPv6Any;

    /// <summary>
    /// The load balancers in front of the server, which say whose connection each is by the PROXY protocol, version 1
    /// or 2, before TLS. From these addresses such a header must come first, or the connection is refused
    /// (<see cref="Refusal.ProxyHeader"/>); the address that it names counts wherever one does: limits,
    /// <see cref="PinAddresses"/>, logs, <see cref="DeviceConnection.RemoteEndPoint"/>. From all others it is refused.
    /// It may take as long as <see cref="OpeningTimeout"/>, and have 107 bytes (version 1) or 2,048. Default: none. A
    /// network of every address is an error: then anybody could claim any address.
    /// </summary>
    public IReadOnlyCollection<IPNetwork> TrustedProxies { get; init; } = [];

    /// <summary>
    /// Whether the server listens by itself. False: its connections come from Kestrel endpoints of an ASP.NET Core
    /// application that call <c>UseIotLink()</c>. Default true.
    /// </summary>
    public bool Listen { get; init; } = true;

    /// <summary>Whether protocol 2 is spoken. Default true.</summary>
    public bool Protocol2 { get; init; } = true;

    /// <summary>
    /// Whether protocol 1 (micropython-iot) is spoken on the same port; the first line of a connection tells which.
    /// Default null: yes on an open server, no where <see cref="KeyOf"/>, <see cref="Keys"/> or <see cref="KeyFile"/>
    /// asks for keys, which protocol 1 does not have. If true beside keys, an id that has a key is still refused over
    /// protocol 1.
    /// </summary>
    public bool? Protocol1 { get; init; }

    /// <summary>
    /// The key of a device, at least 16 bytes, or null for an id that has none, which is refused (as is a shorter one);
    /// called when a device connects, and must be quick. Default null: an open server, where anyone may be anyone. See
    /// <see cref="DeviceKeys"/>.
    /// </summary>
    public Func<string, ReadOnlyMemory<byte>?>? KeyOf { get; init; }

    /// <summary>
    /// Where the keys of devices are found, which may change while the server runs: two keys an id while one is
    /// replaced, links that end at once when their key is revoked. Default null: see <see cref="KeyOf"/>. At most one
    /// of <see cref="KeyOf"/>, <see cref="Keys"/> and <see cref="KeyFile"/> is given.
    /// </summary>
    public IDeviceKeys? Keys { get; init; }

    /// <summary>
    /// A file with the devices' keys (<see cref="DeviceKeys"/>), for those who configure by text. It is read at the
    /// start, and again when it has changed and then stayed the same for a second: replace it as a whole (write another
    /// one and rename it). A file that is bad then, or holds no key, changes nothing; the log says why. Default null:
    /// none.
    /// </summary>
    public string? KeyFile { get; init; }

    /// <summary>
    /// Whether <see cref="KeyFile"/> is read though its group or others may read or write it. Default false: it is
    /// refused. Windows has other rights than these; there it is not asked.
    /// </summary>
    public bool InsecureKeyFile { get; init; }

    /// <summary>
    /// Encrypts every connection with TLS: the server's certificate, and whether clients must present one. Default
    /// null: plain TCP.
    /// </summary>
    public HttpsConnectionAdapterOptions? Tls { get; init; }

    /// <summary>
    /// Whether a client's certificate may speak for an id; one that may not is refused
    /// (<see cref="Refusal.Certificate"/>), after it has proved its key where keys are asked for, and told what one
    /// with a wrong key is. Default null: if the id is exactly the common name (CN) of its subject, or one of its
    /// alternative names: a DNS name, a URI, or the last part of a URI (behind its last <c>/</c> or <c>:</c>). Called
    /// where a client presented a certificate (<see cref="Tls"/>, or the <c>UseHttps</c> of an endpoint with
    /// <c>UseIotLink</c>), and not under a lock: a call that waits longer than an opening may take, or throws, keeps
    /// out that client alone (<see cref="Refusal.ServerFailed"/>). A client that need not present one, and does not, is
    /// not asked about.
    /// </summary>
    public Func<X509Certificate2, string, bool>? IsCertificateOf { get; init; }

    /// <summary>
    /// How long a client that is refused for a passing reason (its id is live, too many connections) is asked to wait.
    /// Default 1 s; 0 to 1 h.
    /// </summary>
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Keeps the memory of all links, so that it outlives this process: lines that were written and are not accepted,
    /// and (protocol 2) how far the devices' lines are accepted. A device's memory is claimed when it connects for the
    /// first time, and not under a lock: a claim that waits, or throws, keeps out that device alone, which is refused
    /// (<see cref="Refusal.StoreFailed"/>). The store is the caller's: the server does not dispose of it. Default null:
    /// in memory, as long as this server lives.
    /// </summary>
    public ISessionStore? SessionStore { get; init; }

    /// <summary>
    /// The ids of the devices that are expected. <see cref="IotLinkServer.WaitForAllAsync"/> waits for them. Others are
    /// unknown, unless they have proved themselves with a key (<see cref="KeyOf"/>). Default: none.
    /// </summary>
    public IReadOnlyCollection<string> Expected { get; init; } = [];

    /// <summary>
    /// What happens to a device that is unknown: neither expected nor proven. Default: accepted; with a warning, as in
    /// micropython-iot, where <see cref="Expected"/> names any.
    /// </summary>
    public UnknownIdPolicy UnknownIds { get; init; } = UnknownIdPolicy.Accept;

    /// <summary>
    /// Links of unknown ids at a time, at most: of devices that are neither expected nor have proved themselves. A
    /// further one takes the place of another: of the one that is not connected and was up for the shortest time in
    /// all. If all are connected, it takes that of an address that has more of them; if there is none, it is refused
    /// (<c>overloaded</c>). What gives way is forgotten with all its memory: its link is closed, with lines that were
    /// not delivered or read; what a session store has kept of it stays there. Default 1,000; 0 to 10,000,000.
    /// </summary>
    public int MaxUnknownIds { get; init; } = 1_000;

    /// <summary>
    /// Links of unknown ids at a time that one address (of IPv6: one /64 network) has made, at most. A further one
    /// takes the place of another of the same address, or is refused. Default null: no limit of its own, since many
    /// devices may share an address; <see cref="MaxUnknownIds"/> is shared fairly.
    /// </summary>
    public int? MaxUnknownIdsPerAddress { get; init; }

    /// <summary>
    /// Bytes that all links together may hold: lines that nobody has read yet, and what is being sent. A link that
    /// holds more than is left for others, and more than its part of half of it, is slowed: hardly anything is read
    /// from its connection, which stays up, and its device keeps its lines (those of best effort may be lost). Others
    /// go on. Each link may always have one line waiting and one being sent, whatever is held. Lines that the
    /// application has written have a limit of their own (<see cref="LinkOptions.OutboxLines"/>). Default null: a
    /// quarter of the memory that the process may have, at least 8 MiB and at most 4 GiB. 64 KiB to 1 TiB.
    /// </summary>
    public long? MaxBufferedBytes { get; init; }

    /// <summary>The longest id, in bytes of UTF-8. Default 128.</summary>
    public int MaxIdBytes { get; init; } = 128;

    /// <summary>
    /// The form of ids: a regular expression (without look-around and back-references) that is to match all of an id.
    /// One of another form is refused (<see cref="Refusal.IdForm"/>) before anything of the application sees it. Those
    /// of <see cref="Expected"/> and of a key file or <see cref="DeviceKeys"/> have any form, since the owner named
    /// them. Default null: ASCII letters, digits, blanks and <c>._:@+#-</c>, the first a letter or digit, the last no
    /// blank or dot. Whatever the form: no control, invisible or direction-changing characters; with
    /// <see cref="SessionStore"/> no part of dots alone between <c>/</c> and <c>\</c>.
    /// </summary>
    public string? IdPattern { get; init; }

    /// <summary>
    /// Connections at a time, at most. For a further one of a device that is expected or has proved itself one of an
    /// unknown device is ended; for one of an unknown device only if another address has more of them. Else it is
    /// refused (<c>overloaded</c>). Default 100,000; 1 to 10,000,000. Where the process
    /// may not open so many files and sockets (<c>ulimit -n</c>), fewer are served:
    /// a reserve is kept, without which the runtime would end the process; a warning at the start says how many.
    /// </summary>
    public int MaxConnections { get; init; } = 100_000;

    /// <summary>
    /// Connections at a time of unknown devices from one address (of IPv6: one /64 network), at most; a further one is
    /// refused (<c>overloaded</c>). Those that are expected or have proved themselves do not count: a gateway with
    /// 50,000 of them needs no other setting. Default null: no limit of its own; where there is no room left, the
    /// address that has most gives way. Where the process may not open as many files and sockets as
    /// <see cref="MaxConnections"/> says, half of those that it may.
    /// </summary>
    public int? MaxConnectionsPerAddress { get; init; }

    /// <summary>
    /// Connections at a time that have not said their id, or made their TLS handshake, yet, at most; never more than
    /// half of the connections that there may be. A further one takes the place of the oldest from the address that has
    /// most of them, which is refused (<c>overloaded</c>): an honest device needs a round trip for its opening, so that
    /// the oldest is one that dawdles. Default 1,000; 1 to 10,000,000. More for a fleet that comes back all at once
    /// over slow networks: as many as come within a round trip.
    /// </summary>
    public int MaxOpenings { get; init; } = 1_000;

    /// <summary>
    /// The same for those from one address (of IPv6: one /64 network): a further one takes the place of the oldest of
    /// the same address. Default null: no limit of its own.
    /// </summary>
    public int? MaxOpeningsPerAddress { get; init; }

    /// <summary>
    /// Connections a second that one address (of IPv6: one /64 network) may make, in the long run; twice as many at
    /// once. A further one is refused (<c>overloaded</c>; closed before its handshake with TLS). Those that turn out to
    /// be of expected or proven devices do not count. Default 2,000: 4,000 unknown devices behind one address can come
    /// back at once. Null: no limit; 1 to 1,000,000.
    /// </summary>
    public int? MaxOpeningRatePerAddress { get; init; } = 2_000;

    /// <summary>
    /// How long a connection may take to say its id, and as long before that for the TLS handshake where the server
    /// listens itself. Default null: <see cref="LinkOptions.Timeout"/>.
    /// </summary>
    public TimeSpan? OpeningTimeout { get; init; }

    /// <summary>
    /// Whether an id belongs to the network address it comes from: while it is up there, and afterwards for as long as
    /// it was up there in all (a <see cref="LinkOptions.Timeout"/> at least), another address is refused
    /// (<see cref="Refusal.OtherAddress"/>, <c>busy</c>). So a stranger that came first does not have an id for good.
    /// It is not kept: a restarted server begins anew. Default false: addresses given by DHCP may change. A change is
    /// told as <see cref="LinkNoticeKind.AddressChanged"/> either way, since protocol 1 lets whoever presents an id
    /// have its lines.
    /// </summary>
    public bool PinAddresses { get; init; }

    /// <summary>
    /// Where the server logs. What a provider throws harms nothing, and is counted
    /// (<see cref="ServerCounters.LogFailures"/>). Default: nowhere.
    /// </summary>
    public ILoggerFactory LoggerFactory { get; init; } = NullLoggerFactory.Instance;

    internal bool IsTrustedProxy(EndPoint? remote) =>
        TrustedProxies.Count > 0 && remote is IPEndPoint { Address: var address } && TrustedProxies.Any(n => n.Contains(address));

    internal long BufferedBytes => MaxBufferedBytes ?? Math.Clamp(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4, 8L << 20, 4L << 30);

    internal bool SpeaksProtocol1 => Protocol1 ?? !AsksForKeys;

    private bool AsksForKeys => KeyOf is not null || Keys is not null || KeyFile is not null;

    /// <summary>The same with its keys in one form, read from their file if they are in one.</summary>
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
            Require.InRange(limit, TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1), nameof(OpeningTimeout));
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
/// What happens to a device that is neither among the expected ones nor has proved itself with a key.
/// </summary>
public enum UnknownIdPolicy
{
    /// <summary>It is served like any other, with a warning in the log where some are expected.</summary>
    Accept,

    /// <summary>Its connection is closed.</summary>
    Refuse,
}
