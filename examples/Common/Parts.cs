using System.Collections.Concurrent;

namespace Examples.Common;

/// <summary>What an example has started, to be ended in reverse order.</summary>
public sealed class Parts : IAsyncDisposable
{
    private readonly ConcurrentStack<object> _parts = new();

    /// <summary>Takes care of something. May be called from any thread.</summary>
    public T Add<T>(T part)
        where T : class
    {
        _parts.Push(part);
        return part;
    }

    /// <summary>Ends everything.</summary>
    public async ValueTask DisposeAsync()
    {
        while (_parts.TryPop(out var part))
        {
            if (part is IAsyncDisposable asynchronous)
                await asynchronous.DisposeAsync();
            else
                (part as IDisposable)?.Dispose();
        }
    }
}
