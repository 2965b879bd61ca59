using System.Runtime.CompilerServices;

namespace Rx.IotLink.Tests.Server.Tools;

/// <summary>Keeps all that an observable gives, and waits for more.</summary>
internal sealed class Recorder<T> : IObserver<T>
{
    private readonly Lock gate = new();
    private readonly List<T> values = [];
    private readonly List<(Func<IReadOnlyList<T>, bool> Holds, TaskCompletionSource Reached)> waits = [];
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes, or fails, with the observable.</summary>
    public Task Ended => ended.Task;

    public IReadOnlyList<T> Values
    {
        get
        {
            lock (gate)
                return [.. values];
        }
    }

    public void OnNext(T value)
    {
        lock (gate)
        {
            values.Add(value);
            waits.RemoveAll(w => w.Holds(values) && w.Reached.TrySetResult());
        }
    }

    public void OnError(Exception error) => ended.TrySetException(error);

    public void OnCompleted() => ended.TrySetResult();

    public async Task<IReadOnlyList<T>> UntilAsync(Func<IReadOnlyList<T>, bool> holds, [CallerArgumentExpression(nameof(holds))] string what = "")
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (gate)
        {
            if (holds(values))
                return [.. values];
            waits.Add((holds, reached));
        }

        await reached.Task.Within(what);
        return Values;
    }

    /// <summary>The first so many values.</summary>
    public async Task<IReadOnlyList<T>> TakeAsync(int count) => [.. (await UntilAsync(v => v.Count >= count, $"{count} values")).Take(count)];

    /// <summary>The first value, of those to come too, of which it holds.</summary>
    public async Task<T> FirstAsync(Func<T, bool> holds, [CallerArgumentExpression(nameof(holds))] string what = "") =>
        (await UntilAsync(v => v.Any(holds), what)).First(holds);
}

internal static class Recording
{
    public static Recorder<T> Record<T>(this IObservable<T> source)
    {
        var recorder = new Recorder<T>();
        source.Subscribe(recorder);
        return recorder;
    }
}
