using System.Reactive.Concurrency;

namespace Rx.IotLink.Cli;

internal static class Program
{
    /// <summary>How long the command waits for a standard error that is read slowly, or not at all.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(3);

    private static async Task<int> Main(string[] args)
    {
        var streams = StandardStreams.Open();
        var events = new EventQueue(streams.Error);
        using var signals = new StopSignals();
        var code = await RunAsync(args, streams, events, signals).ConfigureAwait(false);
        await events.CompleteAsync(LastWords, DefaultScheduler.Instance).ConfigureAwait(false);
        return code;
    }

    private static async Task<int> RunAsync(string[] args, StandardStreams streams, EventQueue events, StopSignals signals)
    {
        try
        {
            return await CommandLine.RunAsync(args, streams, events, DefaultScheduler.Instance, signals).ConfigureAwait(false);
        }
        catch (IOException e) when (StandardStreams.IsBrokenPipe(e))
        {
            // The reader of the help text has closed the stream.
            return ExitCode.Delivered;
        }
        catch (Exception e) when (StandardStreams.IsFailedWrite(e))
        {
            events.Write($"iotlink: standard output cannot be written: {Look.Escape(e.Message.ReplaceLineEndings(" "))}\n");
            return ExitCode.NotDelivered;
        }
        catch (Exception e)
        {
            // A fault of this program: one sentence that helps to report it, and no stack trace on the terminal.
            events.Write($"iotlink: unexpected {e.GetType().Name}: {Look.Escape(e.Message.ReplaceLineEndings(" "))}\n");
            return ExitCode.NotDelivered;
        }
    }
}
