using Rx.IotLink.Protocol;

namespace Rx.IotLink;

/// <summary>The states of a link.</summary>
public enum LinkStatus
{
    /// <summary>Never up so far.</summary>
    Connecting,

    /// <summary>Lines flow both ways.</summary>
    Up,

    /// <summary>An outage: see <see cref="LinkState.Outage"/>. It heals by itself.</summary>
    Down,

    /// <summary>
    /// Final: the first connection failed, and <see cref="FirstConnection.Fail"/> says not to try again. With the
    /// default options no message of a server leads to this: a refused client tries again
    /// (<see cref="LinkNoticeKind.Refused"/>).
    /// </summary>
    Refused,

    /// <summary>Final: this end was closed.</summary>
    Closed,

    /// <summary>
    /// The device sleeps, and has said for how long (protocol 2): see <see cref="LinkState.AsleepUntil"/>. This is no
    /// outage. Written lines wait until it wakes.
    /// </summary>
    Asleep,
}

/// <summary>One state of a link.</summary>
/// <param name="Status">The status.</param>
/// <param name="Since">
/// When it began, by the link's scheduler (for people to read; every timeout is measured monotonically).
/// </param>
/// <param name="Connections">How often the link has come up so far.</param>
/// <param name="Outage">Why the link is not up, if an outage is the reason.</param>
public sealed record LinkState(LinkStatus Status, DateTimeOffset Since, int Connections, Outage? Outage = null)
{
    /// <summary>
    /// When the device wants to wake, by the link's scheduler; null unless it is <see cref="LinkStatus.Asleep"/>. A
    /// server waits a tenth of the sleep and 30 s longer, since clocks of devices are bad. Then the link is
    /// <see cref="LinkStatus.Down"/> (<see cref="OutageReason.Overslept"/>).
    /// </summary>
    public DateTimeOffset? AsleepUntil => Status == LinkStatus.Asleep && Outage?.SleepsFor is { } sleep ? Since + sleep : null;

    /// <summary>Whether lines flow.</summary>
    public bool IsUp => Status == LinkStatus.Up;

    /// <summary>Whether no further state can follow.</summary>
    public bool IsFinal => Status is LinkStatus.Refused or LinkStatus.Closed;

    /// <summary>A sentence for people.</summary>
    public override string ToString() => AsleepUntil is { } until ? $"{Status} until {until:u}"
        : Outage is null ? $"{Status} (connection {Connections})" : $"{Status}: {Outage}";
}

/// <summary>Why a connection ended, or could not be made.</summary>
/// <param name="Reason">The kind.</param>
/// <param name="Detail">A sentence that names the limit and the offender. One line, of printable characters.</param>
public sealed record Outage(OutageReason Reason, string Detail)
{
    /// <summary>A sentence that names the limit and the offender. One line, of printable characters.</summary>
    public string Detail { get; init; } = Printable.Message(Detail);

    /// <summary>How long the peer asks this end to wait before the next attempt; null if it does not ask.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The device sleeps for so long; null: it does not sleep.</summary>
    internal TimeSpan? SleepsFor { get; init; }

    /// <summary>A sentence for people.</summary>
    public override string ToString() => $"{Reason}, {Detail}";
}

/// <summary>The kinds of outage.</summary>
public enum OutageReason
{
    /// <summary>No connection could be made.</summary>
    ConnectFailed,

    /// <summary>Nothing was received for the timeout.</summary>
    Silence,

    /// <summary>The peer ended the connection (FIN).</summary>
    ClosedByPeer,

    /// <summary>The connection broke (RST, or an error of the network).</summary>
    ConnectionLost,

    /// <summary>The peer sent something that its protocol does not allow.</summary>
    ProtocolError,

    /// <summary>The peer sends but does not read: the bytes that wait for it exceeded their bound.</summary>
    PeerNotReading,

    /// <summary>
    /// This end closed the link; or the server ended the connection: it was full and the device unknown, or its
    /// application wanted so.
    /// </summary>
    ClosedHere,

    /// <summary>The peer left on purpose (protocol 2). Not counted as an outage.</summary>
    PeerLeft,

    /// <summary>
    /// A newer connection with the same id took the place of this one. The client comes back after its longest pause.
    /// </summary>
    Displaced,

    /// <summary>The peer refused the connection (protocol 2) and gave a reason.</summary>
    Refused,

    /// <summary>The peer did not prove that it knows this device's key: it may be an impostor.</summary>
    PeerNotProven,

    /// <summary>
    /// This end's session store failed. The next connection is made, or admitted, when it works again.
    /// </summary>
    StoreFailed,

    /// <summary>
    /// Another process, or another link, has claimed this device's memory in the session store. Final: the other owner
    /// continues with the lines.
    /// </summary>
    ClaimedElsewhere,

    /// <summary>
    /// Server: the key that the device had proved is no longer one of its keys (<see cref="IDeviceKeys.Changed"/>).
    /// </summary>
    KeyRevoked,

    /// <summary>Server: the certificate that the device had presented has expired.</summary>
    CertificateExpired,

    /// <summary>The device said how long it sleeps, and did not come back in time.</summary>
    Overslept,
}
