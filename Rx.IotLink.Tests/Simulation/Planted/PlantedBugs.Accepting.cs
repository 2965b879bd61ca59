namespace Rx.IotLink.Tests.Simulation.Planted;

internal static partial class PlantedBugs
{
    /// <summary>
    /// Mistakes in what accepts lines: only handlers that fail, and applications that accept late or out of order, show
    /// them.
    /// </summary>
    private static PlantedBug[] OfAccepting =>
    [
        new("accepts a line before its handler has ended", [1, 2], "Rx.IotLink/Operators/LineProcessor.cs",
            new Edit("            _ = processor.Call(line, cancellation.Token)", "            line.Accept();\n            _ = processor.Call(line, cancellation.Token)")),
        new("accepts a line whose handler has failed", [1, 2], "Rx.IotLink/Operators/LineProcessor.cs",
            new Edit("processor.Failed(line, task.Exception?.InnerException ?? new OperationCanceledException(\"The handler was cancelled.\"));", "processor.Succeeded(line);")),
        new("tries a line that failed again behind the next one", [1, 2], "Rx.IotLink/Operators/LineProcessor.cs",
            new Edit("        if (failures < options.MaxAttempts)\n", "        lock (gate)\n            lines.Enqueue(lines.Dequeue());\n        if (failures < options.MaxAttempts)\n")),
        new("processes a dead letter too", [1, 2], "Rx.IotLink/Operators/LineProcessor.cs",
            new Edit("? deadLetters(new(line, failures, error!), cancellationToken)", "? Task.WhenAll(deadLetters(new(line, failures, error!), cancellationToken), handler(line, cancellationToken))")),
        new("buries a line one attempt too early", [1, 2], "Rx.IotLink/Operators/LineProcessor.cs",
            new Edit("failures >= options.MaxAttempts\n", "failures >= options.MaxAttempts - 1\n")),
        new("takes a line as accepted with a later one", [1, 2], "Rx.IotLink/Link/OpenLines.cs",
            new Edit("for (; Any && entries[head].IsDone &&", "for (; Any && (entries[head].IsDone || entries[^1].IsDone) &&")),
        new("forgets a line that was handed out and not accepted", [1, 2], "Rx.IotLink/Link/OpenLines.cs",
            new Edit("IsDone: false, now));", "IsDone: true, now));")),
    ];
}
