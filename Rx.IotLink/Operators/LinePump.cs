using System.Reactive;
using System.Reactive.Disposables;

namespace Rx.IotLink;

/// <summary>One subscription of <see cref="WriteOperators.WriteTo"/>: a bounded queue, and at most one line on its way.</summary>
/// <remarks>The lock guards the queue alone; the link, the callback and the observer are called outside of it.</remarks>
internal sealed class LinePump(ILink link, int bufferLines, OverflowPolicy overflow, Delivery delivery, Action<string>? onDropped, IObserver<Unit> observer)
    : IObserver<string>, IDisposable
{
    private readonly Lock _gate = new();
    private readonly Queue<string> _waiting = new();
    private readonly SerialObserver<Unit> _result = new(observer);
    private readonly SingleAssignmentDisposable _source = new();
    private readonly SerialDisposable _write = new();
    private bool _writing;
    private bool _sourceEnded;
    private Exception? _sourceError;
    private bool _stopped;
    private int _turns;

    public IDisposable Run(IObservable<string> source)
    {
        _source.Disposable = source.SubscribeSafe(this);
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
        _source.Dispose();
        _write.Dispose();
    }

    private (bool Taken, string? Dropped) Enqueue(string line)
    {
        lock (_gate)
        {
            if (_stopped)
                return (true, null);
            string? dropped = null;
            // With nothing on its way, one of the waiting lines is about to go and does not count.
            if (_waiting.Count >= bufferLines + (_writing ? 0 : 1))
            {
                if (overflow != OverflowPolicy.DropOldest)
                    return (false, line);
                dropped = _waiting.Dequeue();
            }

            _waiting.Enqueue(line);
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
        lock (_gate)
            (_sourceEnded, _sourceError) = (true, error);
        Pump();
    }

    /// <summary>Starts what can be started. A loop and not a recursion: a link that accepts at once would otherwise fill the stack.</summary>
    private void Pump()
    {
        if (Interlocked.Increment(ref _turns) != 1)
            return;
        do
        {
            if (Take(out var ended) is { } line)
                Write(line);
            else if (ended)
                End();
        }
        while (Interlocked.Decrement(ref _turns) != 0);
    }

    private string? Take(out bool ended)
    {
        lock (_gate)
        {
            ended = false;
            if (_stopped || _writing)
                return null;
            _writing = _waiting.TryDequeue(out var line);
            ended = _stopped = !_writing && _sourceEnded;
            return line;
        }
    }

    private void Write(string line)
    {
        try
        {
            _write.Disposable = link.Write(line, delivery).SubscribeSafe(Observer.Create<Unit>(static _ => { }, Fail, Accepted));
        }
        catch (Exception refusal)
        {
            Fail(refusal);
        }
    }

    private void Accepted()
    {
        // Told first: with _writing false another thread may already find that all is done.
        _result.OnNext(Unit.Default);
        lock (_gate)
            _writing = false;
        Pump();
    }

    private void End()
    {
        if (_sourceError is null)
            _result.OnCompleted();
        else
            _result.OnError(_sourceError);
    }

    private void Fail(Exception error)
    {
        if (!Stop())
            return;
        Dispose();
        _result.OnError(error);
    }

    private bool Stop()
    {
        lock (_gate)
        {
            _waiting.Clear();
            return !_stopped && (_stopped = true);
        }
    }
}
