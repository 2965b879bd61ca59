using System.Reactive.Concurrency;

namespace Rx.IotLink.Cli;

internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        var (lines, events) = (StandardStreams.OpenOutput(), StandardStreams.OpenError());
        try
        {
            using var signals = new StopSignals();
            return await CommandLine.RunAsync(args, StandardStreams.OpenInput(), lines, events, DefaultScheduler.Instance, signals.Token).ConfigureAwait(false);
        }
        catch (IOException e) when (StandardStreams.IsBrokenPipe(e))
        {
            // Whoever asked for the help text does not read it any more.
            return ExitCode.Delivered;
        }
        catch (IOException e)
        {
            await events.WriteAsync($"iotlink: standard output cannot be written: {e.Message}\n").ConfigureAwait(false);
            return ExitCode.NotDelivered;
        }
        catch (Exception e)
        {
            // A fault of ours: the sentence that helps to report it, and no stack trace on somebody's terminal.
            await events.WriteAsync($"iotlink: unexpected {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}\n").ConfigureAwait(false);
            return ExitCode.NotDelivered;
        }
    }
}
