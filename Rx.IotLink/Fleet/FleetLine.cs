namespace Rx.IotLink;

/// <summary>A line that a device sent, from the inbox of the fleet.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="Line">
/// The name of the line. Together with <paramref name="DeviceId"/> no other line has it, and a line that comes to a
/// consumer again has the same name.
/// </param>
/// <param name="Text">The line, without a line feed.</param>
/// <param name="Received">When it was accepted, by the clock of the store.</param>
public sealed record FleetLine(string DeviceId, LineId Line, string Text, DateTimeOffset Received)
{
    /// <summary>
    /// Its place in the inbox. Grows with each line of a device; other lines may lie between.
    /// </summary>
    public long Entry { get; init; }

    /// <summary>
    /// How often a handler was given it as one that may fail, from 1. A line whose transaction ended with another
    /// line's failure is given again with the same number.
    /// </summary>
    public int Attempt { get; init; } = 1;

    /// <summary>Its name: never its text, which a log must not have raw.</summary>
    public override string ToString() => $"{DeviceId} {Line}";
}
