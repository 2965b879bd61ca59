using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;

namespace Rx.IotLink.Cli;

/// <summary>
/// Writes events on a thread of its own, so that an unread standard error delays nothing else. Events without room are
/// dropped and counted, and the count is written in their place. A failure of standard error itself cannot be reported.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "Lives as long as the process; its thread may be held in a write until then.")]
internal sealed class EventQueue
{
    /// <summary>The most events that wait.</summary>
    public const int MaxWaiting = 1_000;

    private readonly BlockingCollection<(string Text, long Missing)> waiting = new(MaxWaiting);
    private readonly TaskCompletionSource written = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TextWriter writer;
    private long missing;

    public EventQueue(TextWriter writer)
    {
        this.writer = writer;
        new Thread(Run) { IsBackground = true, Name = "events" }.Start();
    }

    /// <summary>Makes the message, in the form of the other events, that this many events are missing.</summary>
    public Func<long, string> Missing { get; set; } = count => $"{count} events are missing\n";

    /// <summary>Queues an event. Does not wait.</summary>
    public void Write(string text)
    {
        var before = Interlocked.Exchange(ref missing, 0);
        try
        {
            if (!waiting.TryAdd((text, before)))
                Interlocked.Add(ref missing, before + 1);
        }
        catch (InvalidOperationException)
        {
            // The command has ended: a late event is dropped.
        }
    }

    /// <summary>
    /// Waits until everything is written, not longer than the bound. Nothing can be written afterwards.
    /// </summary>
    public Task CompleteAsync(TimeSpan bound, IScheduler scheduler)
    {
        waiting.CompleteAdding();
        return written.Task.ToObservable().TakeUntil(Observable.Timer(bound, scheduler)).DefaultIfEmpty().ToTask(CancellationToken.None);
    }

    private void Run()
    {
        foreach (var (text, before) in waiting.GetConsumingEnumerable())
        {
            TellMissing(before);
            Put(text);
            if (waiting.Count == 0)
                TellMissing(Interlocked.Exchange(ref missing, 0));
        }

        written.SetResult();
    }

    private void TellMissing(long count)
    {
        if (count > 0)
            Put(Missing(count));
    }

    private void Put(string text)
    {
        try
        {
            writer.Write(text);
        }
        catch (Exception e) when (StandardStreams.IsFailedWrite(e))
        {
            // Standard error is not read, so nothing can be reported.
        }
    }
}
