namespace Rx.IotLink.Cli;

/// <summary>The exit codes of the command; the help text lists them.</summary>
internal static class ExitCode
{
    /// <summary>Every line of the input was delivered.</summary>
    public const int Delivered = 0;

    /// <summary>
    /// A line was skipped or not delivered, a stream failed, or the device was refused until the end; standard error
    /// says which and why.
    /// </summary>
    public const int NotDelivered = 1;

    /// <summary>Nothing was started: an option or a file is wrong, or the port is not available.</summary>
    public const int Usage = 2;

    /// <summary>Left at once, on the second Ctrl-C.</summary>
    public const int Interrupted = 130;
}
