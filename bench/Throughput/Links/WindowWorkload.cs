using Rx.IotLink;
using Throughput.Kept;

namespace Throughput.Links;

/// <summary>One writer of one link that waits for the oldest of its writes while so many are not done.</summary>
internal sealed class WindowWorkload(
    Settings settings, int window, Delivery delivery = Delivery.ExactlyOnce, bool tls = false, Memory memory = Memory.None) : Workload
{
    private const int Sampling = 64;

    private readonly NumberedLines check = new(every: delivery == Delivery.ExactlyOnce);
    private LinkPairs? pairs;
    private IDisposable? observing;
    private long done;

    public override long Lines => Volatile.Read(ref done);

    public override async Task OpenAsync()
    {
        pairs = await LinkPairs.OpenAsync(settings, 1, memory, Commits, tls);
        observing = (await pairs.ServerEndAsync(0)).Lines.Subscribe(check);
    }

    public override async Task RunAsync()
    {
        var link = pairs!.Clients[0];
        var writes = new Task[window];
        Array.Fill(writes, Task.CompletedTask);
        var sentAt = new long[window];
        var written = 0L;
        for (; !Stopping; written++)
        {
            var at = (int)(written % window);
            await TakeAsync(writes[at], sentAt[at]);
            sentAt[at] = written % Sampling == 0 ? LatencyHistogram.Now() : 0;
            writes[at] = link.WriteAsync(NumberedLines.At(written), delivery);
        }

        await Task.WhenAll(writes);
        check.Check(written);
    }

    public override async ValueTask DisposeAsync()
    {
        observing?.Dispose();
        if (pairs is not null)
            await pairs.DisposeAsync();
    }

    private async ValueTask TakeAsync(Task write, long sentAt)
    {
        await write;
        if (sentAt != 0)
            Latencies.AddSince(sentAt);
        Volatile.Write(ref done, done + 1);
    }
}
