using Rx.IotLink;
using Throughput.Kept;

namespace Throughput.Links;

/// <summary>Each writer of so many links waits for its line before it writes the next.</summary>
internal sealed class OneAtATimeWorkload(Settings settings, int links, bool reader = false, Memory memory = Memory.None) : Workload
{
    private readonly NumberedLines[] checks = [.. Enumerable.Range(0, links).Select(_ => new NumberedLines())];
    private readonly List<IDisposable> observing = [];
    private readonly List<Task> reading = [];
    private LinkPairs? pairs;

    public override long Lines => checks.Sum(check => check.Received);

    public override async Task OpenAsync()
    {
        pairs = await LinkPairs.OpenAsync(settings, links, memory, Commits, tls: false);
        for (var i = 0; i < links; i++)
        {
            var server = await pairs.ServerEndAsync(i);
            if (reader)
                reading.Add(ReadAsync(server, checks[i]));
            else
                observing.Add(server.Lines.Subscribe(checks[i]));
        }
    }

    public override Task RunAsync() => Task.WhenAll(pairs!.Clients.Select((link, i) => Task.Run(() => WriteAsync(link, checks[i]))));

    public override async ValueTask DisposeAsync()
    {
        observing.ForEach(o => o.Dispose());
        if (pairs is not null)
            await pairs.DisposeAsync();
        await Task.WhenAll(reading);
    }

    private async Task WriteAsync(ILink link, NumberedLines check)
    {
        var written = 0L;
        for (; !Stopping; written++)
        {
            var sentAt = LatencyHistogram.Now();
            await link.WriteAsync(NumberedLines.At(written));
            Latencies.AddSince(sentAt);
        }

        // The reader was given the last line, and may not have looked at it yet.
        while (reader && check.Received < written)
            await Task.Yield();
        check.Check(written);
    }

    private static async Task ReadAsync(ILink link, NumberedLines check)
    {
        await foreach (var line in link.ReadLinesAsync())
            check.OnNext(line);
    }
}
