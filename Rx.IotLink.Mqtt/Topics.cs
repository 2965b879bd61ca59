namespace Rx.IotLink.Mqtt;

/// <summary>The topics of a fleet, and the ids in them.</summary>
/// <param name="prefix">What they begin with.</param>
internal sealed class Topics(string prefix)
{
    private const string DownEnd = "/down";
    private const string StateEnd = "/state";

    /// <summary>Whether the gateway itself is there: the last will is here.</summary>
    public string OfGateway { get; } = prefix + StateEnd;

    /// <summary>Which server of a fleet takes the messages for devices: its signs of life.</summary>
    public string OfTurn { get; } = prefix + "/turn";

    /// <summary>Lines of a device.</summary>
    public string Up(string id) => $"{prefix}/{Escape(id)}/up";

    /// <summary>Whether a device is up.</summary>
    public string State(string id) => $"{prefix}/{Escape(id)}{StateEnd}";

    /// <summary>Messages for all devices.</summary>
    public string AllDown { get; } = $"{prefix}/+{DownEnd}";

    /// <summary>States of all devices.</summary>
    public string AllStates { get; } = $"{prefix}/+{StateEnd}";

    /// <summary>The device for which a message is; null: it is for none.</summary>
    public string? IdOfDown(string topic) => IdIn(topic, DownEnd);

    /// <summary>The device whose state this is; null: it is of none.</summary>
    public string? IdOfState(string topic) => IdIn(topic, StateEnd);

    /// <summary>
    /// An id as one level of a topic: percent-encoded as in the address of a page. What MQTT gives a meaning to
    /// (<c>/</c>, <c>+</c>, <c>#</c>), and what it forbids (control characters), does not stay as it is.
    /// </summary>
    public static string Escape(string id) => Uri.EscapeDataString(id);

    private string? IdIn(string topic, string end)
    {
        var from = prefix.Length + 1;
        if (topic.Length <= from + end.Length || !topic.StartsWith(prefix + "/", StringComparison.Ordinal) || !topic.EndsWith(end, StringComparison.Ordinal))
            return null;
        var level = topic[from..^end.Length];
        return level.Contains('/', StringComparison.Ordinal) ? null : Uri.UnescapeDataString(level);
    }
}
