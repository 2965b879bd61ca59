namespace Rx.IotLink.Cli;

/// <summary>
/// Reads the input, line by line and only as fast as lines are delivered; says which lines it skipped and why.
/// </summary>
internal sealed class InputPump(Stream input, int maxLineBytes, LineWindow window, Output output, bool emptyIsLine = false)
{
    private readonly InputLines lines = new(input, maxLineBytes, emptyIsLine);

    /// <summary>Whether a line was skipped or the input could not be read.</summary>
    public bool Failed { get; private set; }

    /// <summary>
    /// Lines that were taken from the input and not handed on: more than none only if the pump was stopped.
    /// </summary>
    public int Unsent => lines.Buffered;

    /// <summary>Runs until the end of the input, or until it is stopped.</summary>
    /// <param name="accept">
    /// Takes a line and its place, or returns what is wrong with it as a clause of a sentence.
    /// </param>
    /// <param name="stop">Stops it.</param>
    public async Task RunAsync(Func<string, string?> accept, CancellationToken stop)
    {
        try
        {
            // The place comes first, so that no line is ever read that cannot be handed on.
            do
                await window.ReserveAsync(stop).ConfigureAwait(false);
            while (await PumpLineAsync(accept, stop).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // Stopped; what was read ahead is counted in Unsent.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Failed = true;
            output.Error($"standard input cannot be read: {e.Message}");
        }
    }

    private async Task<bool> PumpLineAsync(Func<string, string?> accept, CancellationToken stop)
    {
        var placeIsTaken = false;
        try
        {
            if (await lines.ReadAsync(stop).ConfigureAwait(false) is not { } line)
                return false;

            var fault = line.Fault ?? accept(line.Text);
            placeIsTaken = fault is null;
            if (fault is not null)
                Skip(line.Number, fault);
            return true;
        }
        finally
        {
            if (!placeIsTaken)
                window.Release();
        }
    }

    private void Skip(long number, string fault)
    {
        Failed = true;
        output.Skipped(number, fault);
    }
}
