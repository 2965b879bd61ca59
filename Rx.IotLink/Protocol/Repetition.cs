namespace Rx.IotLink.Protocol;

/// <summary>How long to wait for a line before it counts as lost.</summary>
internal static class Repetition
{
    /// <summary>
    /// The slowest path that gets extra time. On a slow path a long line needs time, and no answer can come until it
    /// has arrived. The unsent bytes of this system do not show that time: another system on the way may hold the line.
    /// </summary>
    private const int SlowestBytesPerSecond = 1_000;

    /// <summary>The timeout, and the time that a slow path takes for a long line, in whole seconds.</summary>
    public static TimeSpan Patience(TimeSpan timeout, OutLine line) =>
        timeout + TimeSpan.FromSeconds(line.Bytes / SlowestBytesPerSecond);
}
