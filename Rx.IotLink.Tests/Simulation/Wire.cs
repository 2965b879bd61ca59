using System.Buffers;
using System.IO.Pipelines;
using System.Reactive.Concurrency;

namespace Rx.IotLink.Tests.Simulation;

/// <summary>
/// One direction of a simulated connection: what is written comes out later, in order, in pieces of the wire's choosing; or never, if it
/// is stalled or cut. Everything happens on the scheduler's thread, so one seed is one history.
/// </summary>
internal sealed class Wire
{
    private readonly IScheduler scheduler;
    private readonly PathOptions options;
    private readonly Random random;
    private readonly Pipe entrance = new(Inline);
    private readonly Pipe exit = new(Inline);
    private readonly Queue<byte[]> held = new();
    private DateTimeOffset latest;
    private bool stalled;
    private bool cut;
    private long left = long.MaxValue;
    private Action broken = () => { };

    public Wire(IScheduler scheduler, PathOptions options, Random random)
    {
        (this.scheduler, this.options, this.random) = (scheduler, options, random);
        _ = CarryAsync();
    }

    private static PipeOptions Inline { get; } = new(
        readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, useSynchronizationContext: false);

    public PipeWriter Writer => entrance.Writer;

    public PipeReader Reader => exit.Reader;

    /// <summary>While it is stalled, nothing comes out, an end (FIN) neither. What was held comes out at the end of the stall.</summary>
    public void Stall(bool on)
    {
        stalled = on;
        while (!stalled && held.TryDequeue(out var piece))
            Send(piece);
    }

    /// <summary>Ends it: what is on its way is lost, and the reader is told (an error is a reset).</summary>
    public void Cut(Exception? error)
    {
        if (cut)
            return;
        cut = true;
        held.Clear();
        exit.Writer.Complete(error);
    }

    /// <summary>After so many bytes it breaks; what follows is lost.</summary>
    public void BreakAfter(int bytes, Action then) => (left, broken) = (bytes, then);

    private async Task CarryAsync()
    {
        while (true)
        {
            var read = await entrance.Reader.ReadAsync().ConfigureAwait(false);
            foreach (var memory in read.Buffer)
                Slice(memory.ToArray());
            entrance.Reader.AdvanceTo(read.Buffer.End);
            if (!read.IsCompleted)
                continue;
            // No bytes: the end.
            Send([]);
            return;
        }
    }

    private void Slice(byte[] bytes)
    {
        for (var at = 0; at < bytes.Length;)
        {
            var length = options.SliceBytes is { } most ? Math.Min(random.Next(1, most + 1), bytes.Length - at) : bytes.Length;
            Send(bytes[at..(at + length)]);
            at += length;
        }
    }

    private void Send(byte[] piece)
    {
        var due = scheduler.Now + options.Latency + (options.Jitter * random.NextDouble());
        // Order is kept: a later piece never overtakes.
        latest = due > latest ? due : latest;
        scheduler.Schedule(latest, () => Arrive(piece));
    }

    private void Arrive(byte[] piece)
    {
        if (cut)
            return;
        if (stalled)
        {
            held.Enqueue(piece);
            return;
        }

        if (piece.Length == 0)
        {
            cut = true;
            exit.Writer.Complete();
            return;
        }

        var last = piece.Length >= left;
        exit.Writer.Write(last ? piece.AsSpan(0, (int)left) : piece);
        left -= piece.Length;
        // Completes at once: the pipe has no limit, since the link always reads.
        _ = exit.Writer.FlushAsync().AsTask();
        if (last)
            broken();
    }
}

/// <summary>How a simulated path behaves when nothing is wrong with it.</summary>
internal sealed record PathOptions
{
    public TimeSpan Latency { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>A random part on top of the latency.</summary>
    public TimeSpan Jitter { get; init; }

    /// <summary>Writes arrive in pieces of random length up to this; null leaves them whole.</summary>
    public int? SliceBytes { get; init; }
}
