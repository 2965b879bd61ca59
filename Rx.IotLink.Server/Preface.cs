using System.Buffers;
using System.IO.Pipelines;
using System.Reactive.Concurrency;
using System.Runtime.CompilerServices;
using Rx.IotLink.Protocol;

namespace Rx.IotLink.Server;

/// <summary>What a connection sends before its opening. It has the time of an opening for it.</summary>
/// <param name="input">The bytes of the connection.</param>
/// <param name="limit">How long it may take.</param>
/// <param name="scheduler">The clock.</param>
/// <param name="stopped">Ends the wait.</param>
internal sealed class Preface(PipeReader input, TimeSpan limit, IScheduler scheduler, CancellationToken stopped)
{
    /// <summary>Takes something from the bytes, and moves behind it. Null: more bytes must arrive first.</summary>
    internal delegate T? Take<T>(ref ReadOnlySequence<byte> bytes)
        where T : class;

    /// <summary>Whether no byte has arrived.</summary>
    public bool IsSilent { get; private set; } = true;

    /// <summary>Reads until there is something to take. The next reader reads the remaining bytes again.</summary>
    /// <exception cref="RefusedException">It does not come, or is malformed.</exception>
    /// <remarks>
    /// A pooled builder continues on the thread that completes it, in any context, so all stays on the thread of a
    /// virtual clock.
    /// </remarks>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<T> ReadAsync<T>(string what, Take<T> take)
        where T : class
    {
        var late = false;
        using var end = stopped.UnsafeRegister(static i => ((PipeReader)i!).CancelPendingRead(), input);
        using var deadline = scheduler.Schedule(limit, () =>
        {
            Volatile.Write(ref late, true);
            input.CancelPendingRead();
        });
        while (true)
        {
            var result = await ReadAsync().ConfigureAwait(false);
            IsSilent &= result.Buffer.IsEmpty;
            if (TryTake(result, take) is { } taken)
                return taken;
            if (stopped.IsCancellationRequested)
                throw new RefusedException(Refusal.Stopping, "the server is stopping");
            if (Volatile.Read(ref late))
                throw new RefusedException(Refusal.OpeningTimeout, $"no {what} within {limit.TotalSeconds:0.###} s");
            if (result.IsCompleted)
                throw new RefusedException(Refusal.NoId, $"it closed before its {what} had come");
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> ReadAsync()
    {
        try
        {
            return await input.ReadAsync().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            throw new RefusedException(Refusal.NoId, $"the connection broke: {exception.Message}");
        }
    }

    private T? TryTake<T>(in ReadResult result, Take<T> take)
        where T : class
    {
        var bytes = result.Buffer;
        T? taken = null;
        try
        {
            return taken = take(ref bytes);
        }
        catch (ProtocolException exception)
        {
            throw new RefusedException(Refusal.ProxyHeader, exception.Message);
        }
        finally
        {
            // Incomplete bytes are read again together with the next ones.
            input.AdvanceTo(bytes.Start, taken is null ? result.Buffer.End : bytes.Start);
        }
    }
}
