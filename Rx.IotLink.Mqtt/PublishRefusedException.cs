namespace Rx.IotLink.Mqtt;

/// <summary>The broker has refused a message. A line is tried again with longer and longer delays.</summary>
public sealed class PublishRefusedException : IOException
{
    internal PublishRefusedException(int reason, string why)
        : base($"The broker refuses the message: {why}.") => ReasonCode = reason;

    /// <summary>The reason code of MQTT 5, such as 135 (not authorized) or 149 (packet too large).</summary>
    public int ReasonCode { get; }
}
