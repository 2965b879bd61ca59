using System.Globalization;

namespace Rx.IotLink.Cli;

/// <summary>How a command ends: it waits for its lines, says what is left, and has an exit code.</summary>
internal static class ExitReport
{
    /// <summary>
    /// Waits for the lines on their way, as long as the bound says; returns how many are left, and how long was waited
    /// in vain, as the end of a sentence.
    /// </summary>
    /// <param name="context">
    /// What the command has. After Ctrl-C, before or meanwhile, it says what it waits for.
    /// </param>
    /// <param name="windows">The lines.</param>
    /// <param name="bound">How long at most.</param>
    /// <param name="since">Since when it is waited, for people.</param>
    /// <param name="broken">There is no sense in waiting any more.</param>
    /// <param name="stored">
    /// How many lines besides are stored and not acknowledged. They are counted for people, and not waited for here.
    /// </param>
    public static async Task<(int Left, string InVain)> DrainAsync(
        CommandContext context, LineWindows windows, TimeSpan bound, string since, CancellationToken broken, Func<int>? stored = null)
    {
        using var told = context.Stop.Register(() =>
        {
            if (!broken.IsCancellationRequested && windows.Undelivered + (stored?.Invoke() ?? 0) is > 0 and var lines)
                context.Output.Draining($"waiting up to {Seconds(bound)} for {Count(lines)} to be delivered; Ctrl-C leaves at once");
        });
        var ended = await windows.DrainAsync(bound, context.Scheduler, broken).ConfigureAwait(false);
        // What ended otherwise had no time to wait for: the link was refused, or its lines cannot be carried.
        return (windows.Undelivered, ended || broken.IsCancellationRequested ? "" : InVain(bound, since));
    }

    /// <summary>How long was waited in vain, as the end of a sentence.</summary>
    public static string InVain(TimeSpan bound, string since) => $" within {Seconds(bound)} of {since}";

    /// <summary>Says how many lines are left, and returns the exit code.</summary>
    public static int Tell(Output output, int left, string undone, bool failed)
    {
        if (left > 0)
            output.Undelivered($"{Count(left)} {(left == 1 ? "was" : "were")} not {undone}");
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

    private static string Count(int lines) => lines == 1 ? "1 line" : string.Create(CultureInfo.InvariantCulture, $"{lines} lines");
}
