namespace Rx.IotLink.Protocol;

/// <summary>How long a line is waited for before it counts as lost.</summary>
internal static class Repetition
{
    /// <summary>
    /// A path that is slower than this is not waited for. A long line takes its time on a slow path, and nothing is
    /// heard of it until it has passed. A system on the way may have taken it from this one long before, so what lies
    /// here does not tell.
    /// </summary>
    private const int SlowestBytesPerSecond = 1_000;

    /// <summary>The timeout, and the time that a slow path takes for a long line, in whole seconds.</summary>
    public static TimeSpan Patience(TimeSpan timeout, OutLine line) =>
        timeout + TimeSpan.FromSeconds(line.Bytes / SlowestBytesPerSecond);
}
