using System.Text;

namespace Throughput.Links;

/// <summary>As <see cref="WindowWorkload"/>, with lines that are bytes from end to end.</summary>
internal sealed class Utf8WindowWorkload(Settings settings, int window) : Workload
{
    private const int Sampling = 64;
    private const int Count = 4_096;

    private static readonly ReadOnlyMemory<byte>[] Written = [.. Enumerable.Range(0, Count).Select(i => (ReadOnlyMemory<byte>)Encoding.ASCII.GetBytes(NumberedLines.At(i)))];

    private LinkPairs? pairs;
    private IDisposable? observing;
    private long done;
    private long received;
    private bool faulty;

    public override long Lines => Volatile.Read(ref done);

    public override async Task OpenAsync()
    {
        pairs = await LinkPairs.OpenAsync(settings, 1);
        observing = (await pairs.ServerEndAsync(0)).Utf8Lines.Subscribe(line =>
        {
            faulty |= !line.Span.SequenceEqual(Written[received % Count].Span);
            received++;
        });
    }

    public override async Task RunAsync()
    {
        var link = pairs!.Clients[0];
        var writes = new ValueTask[window];
        var sentAt = new long[window];
        var written = 0L;
        for (; !Stopping || written % window != 0; written++)
        {
            var at = (int)(written % window);
            await writes[at];
            if (sentAt[at] != 0)
                Latencies.AddSince(sentAt[at]);
            Volatile.Write(ref done, written);
            sentAt[at] = written % Sampling == 0 ? LatencyHistogram.Now() : 0;
#pragma warning disable CA2012 // Each is awaited once, when its place in the window comes round.
            writes[at] = link.WriteUtf8Async(Written[written % Count]);
#pragma warning restore CA2012
        }

        foreach (var write in writes)
            await write;
        Volatile.Write(ref done, written);
        if (faulty || received != written)
            throw new InvalidDataException($"{written} lines were written and {received} received{(faulty ? ", not all in order" : "")}");
    }

    public override async ValueTask DisposeAsync()
    {
        observing?.Dispose();
        if (pairs is not null)
            await pairs.DisposeAsync();
    }
}
