using Rx.IotLink.Protocol;

namespace Rx.IotLink.Mqtt;

/// <summary>An event of a gateway that an operator should know.</summary>
/// <param name="Kind">The kind of event.</param>
/// <param name="Detail">A sentence for people: one line, of printable characters.</param>
public sealed record MqttNotice(MqttNoticeKind Kind, string Detail)
{
    /// <summary>A sentence for people: one line, of printable characters.</summary>
    public string Detail { get; init; } = Printable.Message(Detail);
}

/// <summary>The kinds of <see cref="MqttNotice"/>.</summary>
public enum MqttNoticeKind
{
    /// <summary>A connection to the broker is up. Messages find their subscription.</summary>
    Connected,

    /// <summary>A connection to the broker has ended. The gateway connects again.</summary>
    Disconnected,

    /// <summary>
    /// An attempt to connect failed. Reported once, and again when the reason changes. The gateway tries again.
    /// </summary>
    ConnectFailed,

    /// <summary>
    /// The broker remembers nothing of this gateway's session. Lines that were under way are published again, and a
    /// subscriber may see them twice: each has its name.
    /// </summary>
    SessionLost,

    /// <summary>
    /// The broker has refused a state or a description for Home Assistant; or a line of a fleet, which is tried again.
    /// (Without <see cref="MqttGatewayOptions.Consumer"/> a refused line is a notice of its link.)
    /// </summary>
    PublishRefused,

    /// <summary>
    /// A message of the broker was not written to its device: no device is known under this id, the device's outbox has
    /// no room, or the message is no line. The broker knows this, and the message is gone.
    /// </summary>
    MessageRefused,

    /// <summary>
    /// A message could not be kept, since the session store fails. It is tried again, and messages behind it wait. Or
    /// the lines of a fleet wait in the store, since it is away.
    /// </summary>
    StoreFailed,

    /// <summary>The lines of a fleet go on: the session store works again.</summary>
    StoreWorks,
}

/// <summary>Counts of a gateway since its start.</summary>
public sealed record MqttCounters
{
    /// <summary>Whether lines of devices reach the broker now.</summary>
    public required bool IsConnected { get; init; }

    /// <summary>Connections that were up, in both directions.</summary>
    public required long Connections { get; init; }

    /// <summary>Lines, states and descriptions that the broker has.</summary>
    public required long Published { get; init; }

    /// <summary>
    /// Messages that were sent again after a cut, under the same packet id: the broker knows that it has them.
    /// </summary>
    public required long PublishedAgain { get; init; }

    /// <summary>
    /// Messages that were sent again as new ones, since the broker had lost the session: subscribers may see them
    /// twice.
    /// </summary>
    public required long PublishedAnew { get; init; }

    /// <summary>Messages that the broker has refused.</summary>
    public required long PublishRefused { get; init; }

    /// <summary>Best-effort lines that were dropped, since the broker was away.</summary>
    public required long Dropped { get; init; }

    /// <summary>Messages of the broker that were written to their devices.</summary>
    public required long Written { get; init; }

    /// <summary>Messages of the broker that were not (<see cref="MqttNoticeKind.MessageRefused"/>).</summary>
    public required long MessagesRefused { get; init; }

    /// <summary>Messages that wait for the broker, or for its acknowledgement.</summary>
    public required int Waiting { get; init; }
}
