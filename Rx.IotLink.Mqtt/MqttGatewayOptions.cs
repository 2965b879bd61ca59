using System.Net.Security;
using System.Reactive.Concurrency;
using System.Text;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Mqtt;

/// <summary>Which broker, under which topics, and the limits. Immutable: change a copy with <c>with</c>.</summary>
public sealed record MqttGatewayOptions
{
    private const int PlainPort = 1_883;
    private const int TlsPort = 8_883;

    /// <summary>The longest text of MQTT, in bytes of UTF-8.</summary>
    private const int MaxTextBytes = 65_535;

    /// <summary>The longest prefix, in bytes of UTF-8: an id and the rest of a topic find room behind it.</summary>
    private const int MaxPrefixBytes = 1_024;

    /// <summary>The broker's host name or address. It must speak MQTT 5.</summary>
    public required string Host { get; init; }

    /// <summary>The broker's port. Default null: 1883, with <see cref="Tls"/> 8883.</summary>
    public int? Port { get; init; }

    /// <summary>
    /// Encrypts the connection with TLS. Default null: plain TCP. The broker's certificate is checked against
    /// <see cref="Host"/> unless <see cref="SslClientAuthenticationOptions.TargetHost"/> is set.
    /// </summary>
    public SslClientAuthenticationOptions? Tls { get; init; }

    /// <summary>The user name at the broker. Default null: none.</summary>
    public string? UserName { get; init; }

    /// <summary>The password of <see cref="UserName"/>. Default null: none.</summary>
    public string? Password { get; init; }

    /// <summary>
    /// What each topic begins with: <c>iotlink/ID/up</c>. Default <c>iotlink</c>; 1 to 1,024 bytes, without <c>+</c>
    /// and <c>#</c>, not beginning or ending with <c>/</c>. Each server needs its own, unless they share a fleet
    /// (<see cref="Consumer"/>): two servers under one prefix would take each other's messages.
    /// </summary>
    public string Prefix { get; init; } = "iotlink";

    /// <summary>
    /// The name under which the broker knows this gateway; <c>-up</c> and <c>-down</c> follow it, as there are two
    /// connections. It must stay the same, since the broker keeps messages for it. Default null: made of the prefix.
    /// </summary>
    public string? ClientId { get; init; }

    /// <summary>
    /// The name under which servers that share a fleet take its lines in turns: each line is published by one of them,
    /// from the inbox of their session store (PostgreSQL, with its option Inbox). A line is acknowledged to its device
    /// when it is in the inbox, and 8 of a server are under way at a time. All servers have the same
    /// <see cref="Prefix"/> and <see cref="ClientId"/> then, and each a name of its own in the store (Node). 1 to 100
    /// characters. Default null: the lines of the links of this server.
    /// </summary>
    public string? Consumer { get; init; }

    /// <summary>
    /// Where Home Assistant looks for devices, usually <c>homeassistant</c>. Then each member of a device's JSON lines
    /// becomes a sensor. Default null: no discovery.
    /// </summary>
    public string? DiscoveryPrefix { get; init; }

    /// <summary>
    /// The most messages in one direction that are under way at a time; the broker may ask for fewer. Default 1,000; 1
    /// to 65,000.
    /// </summary>
    public int MaxInFlight { get; init; } = 1_000;

    /// <summary>
    /// How long the connection may be silent before a ping; after one and a half times as long without an answer it
    /// counts as broken. Default 30 s; 1 s to 1 h.
    /// </summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long the broker keeps messages for devices while this process is away. Default 7 days; 1 min to 10 years.
    /// </summary>
    public TimeSpan SessionExpiry { get; init; } = TimeSpan.FromDays(7);

    /// <summary>
    /// How long a message for a device may wait for room in the device's outbox; and, counted from the start, for a
    /// device that is not known yet. After that the message is refused, and a notice says so. Default 30 s; 10 ms to 1
    /// h.
    /// </summary>
    public TimeSpan RefuseAfter { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long the end waits until the broker has the lines that are under way. Default 5 s; 0 to 1 h.
    /// </summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The delays between attempts to connect.</summary>
    public BackOff BackOff { get; init; } = BackOff.Default;

    /// <summary>The clock of delays, keepalives and limits. Default: that of this machine.</summary>
    public IScheduler Scheduler { get; init; } = DefaultScheduler.Instance;

    /// <summary>
    /// Called with each line that the broker has, before it is acknowledged to its device; the lines of one device in
    /// order. If it throws, the line is published again, with the same name. Default null: nothing. Do not observe
    /// <see cref="ILink.Received"/> of the same links, or process them, beside a gateway: whoever accepts a line first
    /// accepts it for all.
    /// </summary>
    public Action<ReceivedLine>? Published { get; init; }

    internal int PortOrDefault => Port ?? (Tls is null ? PlainPort : TlsPort);

    internal string ClientIdOrDefault => ClientId ?? Prefix.Replace('/', '-');

    /// <summary>
    /// The options of an address: <c>mqtt://[USER[:PASSWORD]@]HOST[:PORT]</c>, or <c>mqtts://</c> with TLS. A user name
    /// and a password are percent-encoded in it.
    /// </summary>
    /// <param name="address">The address.</param>
    /// <exception cref="FormatException">
    /// It is none; the message says why, and does not quote the address, which may hold a password.
    /// </exception>
    public static MqttGatewayOptions FromUri(string address)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Scheme is not ("mqtt" or "mqtts") || uri.Host.Length == 0)
            throw new FormatException("An MQTT address must be mqtt://HOST[:PORT] or mqtts://HOST[:PORT], perhaps with USER:PASSWORD@ before the host.");
        if (uri.AbsolutePath is not ("" or "/") || uri.Query.Length > 0 || uri.Fragment.Length > 0)
            throw new FormatException("An MQTT address must end with the host or the port: the topics have an option of their own.");
        var user = uri.UserInfo.Split(':', 2);
        return new()
        {
            Host = uri.IdnHost,
            Port = uri.Port > 0 ? uri.Port : null,
            Tls = uri.Scheme == "mqtts" ? new() : null,
            UserName = user[0].Length > 0 ? Uri.UnescapeDataString(user[0]) : null,
            Password = user.Length > 1 ? Uri.UnescapeDataString(user[1]) : null,
        };
    }

    /// <summary>Without the password, which must not get into a log.</summary>
    public override string ToString() => $"{nameof(MqttGatewayOptions)} {{ Host = {Host}, Port = {PortOrDefault}, Prefix = {Prefix} }}";

    internal void Validate()
    {
        Require.NotNull(Host, nameof(Host));
        Require.NotFaulty(Host.Length == 0 ? "is empty" : null, Host, nameof(Host));
        Require.InRange(PortOrDefault, 1, 65_535, nameof(Port));
        if (UserName is not null)
            Require.NotFaulty(FaultOf(UserName, MaxTextBytes), Printable.Of(UserName), nameof(UserName));
        if (Password is not null)
            Require.NotFaulty(UserName is null ? "needs a UserName" : FaultOf(Password, MaxTextBytes), "…", nameof(Password));
        Require.NotNull(Prefix, nameof(Prefix));
        Require.NotFaulty(FaultOfPrefix(Prefix), Printable.Of(Prefix), nameof(Prefix));
        if (ClientId is not null)
            Require.NotFaulty(FaultOf(ClientId, MaxPrefixBytes), Printable.Of(ClientId), nameof(ClientId));
        if (Consumer is not null)
            FleetConsumer.Check(Consumer, options: null);
        if (DiscoveryPrefix is not null)
            Require.NotFaulty(FaultOfPrefix(DiscoveryPrefix), Printable.Of(DiscoveryPrefix), nameof(DiscoveryPrefix));
        Require.InRange(MaxInFlight, 1, 65_000, nameof(MaxInFlight));
        Require.InRange(KeepAlive, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1), nameof(KeepAlive));
        Require.InRange(SessionExpiry, TimeSpan.FromMinutes(1), TimeSpan.FromDays(3_650), nameof(SessionExpiry));
        Require.InRange(RefuseAfter, TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1), nameof(RefuseAfter));
        Require.InRange(DrainTimeout, TimeSpan.Zero, TimeSpan.FromHours(1), nameof(DrainTimeout));
        Require.NotNull(BackOff, nameof(BackOff));
        BackOff.Validate();
        Require.NotNull(Scheduler, nameof(Scheduler));
    }

    private static string? FaultOfPrefix(string prefix) =>
        FaultOf(prefix, MaxPrefixBytes)
        ?? (prefix.AsSpan().ContainsAny('+', '#') ? "holds a + or #, which only a filter may have"
            : prefix[0] is '/' || prefix[^1] is '/' ? "begins or ends with /"
            : prefix[0] is '$' ? "begins with $, which brokers keep for themselves"
            : null);

    private static string? FaultOf(string text, int maxBytes) => Utf8.ByteCount(text) switch
    {
        null => "is not valid text: it has half of a surrogate pair",
        0 => "is empty",
        { } bytes when bytes > maxBytes => $"has {bytes} bytes of UTF-8, the limit is {maxBytes}",
        _ => text.Any(char.IsControl) ? "holds a control character" : null,
    };
}
