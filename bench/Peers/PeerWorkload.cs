using Throughput;
using Throughput.Links;

namespace Peers;

/// <summary>
/// Writers that wait for the oldest of their lines while so many are in flight, one for each connection. What the
/// application at the other end gets is checked: each line once, and in order.
/// </summary>
internal abstract class PeerWorkload(int connections, int window) : Workload
{
    // Enough for the percentiles, and few enough that the clock costs nothing where a line costs little.
    private readonly int sampling = window > 1 ? 64 : 1;
    private readonly NumberedLines[] checks = [.. Enumerable.Range(0, connections).Select(_ => new NumberedLines())];
    private readonly Counts done = new(connections);

    public override long Lines => done.Sum;

    protected int Connections => connections;

    public override Task RunAsync() => Task.WhenAll(Enumerable.Range(0, connections).Select(i => Task.Run(() => WriteAsync(i))));

    /// <summary>Writes a line. Completes when the other end has acknowledged it.</summary>
    public abstract Task WriteAsync(int connection, string line);

    /// <summary>Whether all lines that were written had arrived when their writes completed.</summary>
    protected virtual void Check(int connection, long written) => checks[connection].Check(written);

    protected void Received(int connection, string line) => checks[connection].OnNext(line);

    private async Task WriteAsync(int connection)
    {
        var writes = new Task[window];
        Array.Fill(writes, Task.CompletedTask);
        var sentAt = new long[window];
        var written = 0L;
        for (; !Stopping; written++)
        {
            var at = (int)(written % window);
            await writes[at];
            if (sentAt[at] != 0)
                Latencies.AddSince(sentAt[at]);
            done.Add(connection, written >= window ? 1 : 0);
            sentAt[at] = written % sampling == 0 ? LatencyHistogram.Now() : 0;
            writes[at] = WriteAsync(connection, NumberedLines.At(written));
        }

        await Task.WhenAll(writes);
        Check(connection, written);
    }

    /// <summary>A count for each writer. They stay out of each other's cache lines.</summary>
    private sealed class Counts(int count)
    {
        private const int Stride = 8;
        private readonly long[] counts = new long[count * Stride];

        public long Sum => Enumerable.Range(0, count).Sum(i => Volatile.Read(ref counts[i * Stride]));

        public void Add(int at, int number) => Volatile.Write(ref counts[at * Stride], counts[at * Stride] + number);
    }
}
