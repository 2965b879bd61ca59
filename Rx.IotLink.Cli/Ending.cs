using System.Globalization;

namespace Rx.IotLink.Cli;

/// <summary>How a command ends.</summary>
internal static class Ending
{
    /// <summary>Says how many lines were left, and returns the exit code.</summary>
    public static int Tell(Output output, int left, string unlike, bool failed)
    {
        if (left > 0)
            output.Undelivered(string.Create(CultureInfo.InvariantCulture, $"{left} {(left == 1 ? "line was" : "lines were")} not {unlike}"));
        return left == 0 && !failed && !output.Failed ? ExitCode.Delivered : ExitCode.NotDelivered;
    }

    /// <summary>A time for people.</summary>
    public static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.###} s");

    /// <summary>Completes when the token is cancelled.</summary>
    public static Task WhenCancelledAsync(this CancellationToken token)
    {
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        token.Register(() => cancelled.TrySetResult());
        return cancelled.Task;
    }
}
