using Rx.IotLink;

namespace Throughput.Links;

/// <summary>Each writer of so many links waits for its line before it writes the next.</summary>
internal sealed class OneAtATimeWorkload(Settings settings, int links) : Workload
{
    private readonly NumberedLines[] checks = [.. Enumerable.Range(0, links).Select(_ => new NumberedLines())];
    private readonly List<IDisposable> observing = [];
    private LinkPairs? pairs;

    public override long Lines => checks.Sum(check => check.Received);

    public override async Task OpenAsync()
    {
        pairs = await LinkPairs.OpenAsync(settings, links);
        for (var i = 0; i < links; i++)
            observing.Add((await pairs.ServerEndAsync(i)).Lines.Subscribe(checks[i]));
    }

    public override Task RunAsync() => Task.WhenAll(pairs!.Clients.Select((link, i) => Task.Run(() => WriteAsync(link, checks[i]))));

    public override async ValueTask DisposeAsync()
    {
        observing.ForEach(o => o.Dispose());
        if (pairs is not null)
            await pairs.DisposeAsync();
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

        check.Check(written);
    }
}
