using System.Reactive;
using System.Reactive.Disposables;

namespace Rx.IotLink;

/// <summary>
/// One subscription of <c>WriteTo</c>: a bounded queue, and at most one line on its way.
/// </summary>
/// <remarks>
/// The lock guards the queue alone; the link, the callback and the observer are called outside of it.
/// </remarks>
internal sealed class LinePump(
    ILink link, int bufferLines, OverflowPolicy overflow, Func<string, IObservable<Unit>> writeOne, Action<string>? onDropped, IObserver<Unit> observer)
    : IObserver<string>, IDisposable
{
    private readonly Lock gate = new();
    private readonly Queue<string> waiting = new();
    private readonly SerialObserver<Unit> result = new(observer);
    private readonly SingleAssignmentDisposable upstream = new();
    private readonly SerialDisposable write = new();
    private bool writing;
    private bool sourceEnded;
    private Exception? sourceError;
    private bool stopped;
    private int turns;

    public IDisposable Run(IObservable<string> source)
    {
        upstream.Disposable = source.SubscribeSafe(this);
        return this;
    }

    public void OnNext(string value)
    {
        var (taken, dropped) = Enqueue(value);
        if (!taken && overflow == OverflowPolicy.Fail)
        {
            Fail(new OutboxFullException(link.Id, nameof(bufferLines), bufferLines));
            return;
        }

        if (dropped is not null && !Told(dropped))
            return;
        Pump();
    }

    public void OnError(Exception error) => SourceEnded(error);

    public void OnCompleted() => SourceEnded(error: null);

    public void Dispose()
    {
        Stop();
        upstream.Dispose();
        write.Dispose();
    }

    private (bool Taken, string? Dropped) Enqueue(string line)
    {
        lock (gate)
        {
            if (stopped)
                return (true, null);
            string? dropped = null;
            if (waiting.Count >= bufferLines)
            {
                if (overflow != OverflowPolicy.DropOldest)
                    return (false, line);
                dropped = waiting.Dequeue();
            }

            waiting.Enqueue(line);
            return (true, dropped);
        }
    }

    private bool Told(string dropped)
    {
        try
        {
            onDropped?.Invoke(dropped);
            return true;
        }
        catch (Exception error)
        {
            Fail(error);
            return false;
        }
    }

    private void SourceEnded(Exception? error)
    {
        lock (gate)
            (sourceEnded, sourceError) = (true, error);
        Pump();
    }

    /// <summary>
    /// Writes the next lines as far as possible. A loop and not a recursion: a link that accepts at once would
    /// otherwise fill the stack.
    /// </summary>
    private void Pump()
    {
        if (Interlocked.Increment(ref turns) != 1)
            return;
        do
        {
            if (Take(out var ended) is { } line)
                Write(line);
            else if (ended)
                End();
        }
        while (Interlocked.Decrement(ref turns) != 0);
    }

    private string? Take(out bool ended)
    {
        lock (gate)
        {
            ended = false;
            if (stopped || writing)
                return null;
            writing = waiting.TryDequeue(out var line);
            ended = stopped = !writing && sourceEnded;
            return line;
        }
    }

    private void Write(string line)
    {
        IObservable<Unit> accepted;
        try
        {
            accepted = writeOne(line);
        }
        catch (Exception refusal)
        {
            Fail(refusal);
            return;
        }

        // Outside the try: an exception of the result's observer is not a refusal of the link.
        write.Disposable = accepted.SubscribeSafe(Observer.Create<Unit>(static _ => { }, error => Failed(line, error), Accepted));
    }

    /// <summary>Reports a line that the link dropped, and goes on with the next one.</summary>
    private void Failed(string line, Exception error)
    {
        if (error is not LineDroppedException || onDropped is null)
        {
            Fail(error);
            return;
        }

        if (!Told(line))
            return;
        lock (gate)
            writing = false;
        Pump();
    }

    private void Accepted()
    {
        // The observer is called before the next write may start: another thread may then find at once that all is
        // done.
        result.OnNext(Unit.Default);
        lock (gate)
            writing = false;
        Pump();
    }

    private void End()
    {
        if (sourceError is null)
            result.OnCompleted();
        else
            result.OnError(sourceError);
    }

    private void Fail(Exception error)
    {
        if (!Stop())
            return;
        Dispose();
        result.OnError(error);
    }

    private bool Stop()
    {
        lock (gate)
        {
            return !stopped && (stopped = true);
        }
    }
}
