using System.Buffers;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using Rx.IotLink.Nano.Bridge;
using Rx.IotLink.Transport;

namespace Rx.IotLink.Bridge;

/// <summary>
/// Serves one end of the wire: opens the port, again after each loss, and moves bytes between it and the end. All of
/// the end's state is under <see cref="Gate"/>, where nothing of others is called.
/// </summary>
/// <param name="end">The machine.</param>
/// <param name="port">Opens the port.</param>
/// <param name="scheduler">The clock.</param>
/// <param name="changed">Called after each change of the end, not under the gate; by several threads.</param>
/// <param name="portChanged">Called with why the port cannot be opened, and with null when it is open.</param>
internal sealed class Wire(FrameEnd end, ITransport port, IScheduler scheduler, Action changed, Action<Exception?> portChanged) : IAsyncDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan ReopenAfter = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource stop = new();
    private readonly IStopwatch stopwatch = scheduler.StartStopwatch();
    private readonly Signal work = new();
    private Task running = Task.CompletedTask;
    private IDisposable? ticking;

    public Lock Gate { get; } = new();

    /// <summary>Milliseconds since the start.</summary>
    public long Now => (long)stopwatch.Elapsed.TotalMilliseconds;

    public void Start()
    {
        running = Task.Run(() => RunAsync(stop.Token));
        // A port whose other end does not read holds the writing up; time goes on all the same.
        ticking = scheduler.SchedulePeriodic(Tick, () =>
        {
            lock (Gate)
            {
                end.Elapse(Now);
                (end as BridgeMachine)?.Beat();
            }

            changed();
        });
    }

    /// <summary>The end may have something to send.</summary>
    public void Poke() => work.Set();

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        ticking?.Dispose();
        await running.ConfigureAwait(false);
        stop.Dispose();
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            Exception why;
            try
            {
                using var connection = await port.Connect().ToTask(cancellationToken).ConfigureAwait(false);
                portChanged(null);
                why = await ServeAsync(connection, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                why = exception;
            }

            if (cancellationToken.IsCancellationRequested)
                return;
            lock (Gate)
                end.WireLost($"the port is gone: {why.Message}", Now);
            portChanged(why);
            changed();
            await Observable.Timer(ReopenAfter, scheduler).ToTask(cancellationToken).ContinueWith(_ => { }, TaskScheduler.Default).ConfigureAwait(false);
        }
    }

    /// <summary>Moves bytes until the port is gone; gives why.</summary>
    private async Task<Exception> ServeAsync(IConnection connection, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reading = ReadAsync(connection, over.Token);
        var writing = WriteAsync(connection, over.Token);
        var first = await Task.WhenAny(reading, writing).ConfigureAwait(false);
        await over.CancelAsync().ConfigureAwait(false);
        // What waits in the port ends with it.
        connection.Dispose();
        await Task.WhenAll(reading, writing).ConfigureAwait(false);
        return await first.ConfigureAwait(false);
    }

    private async Task<Exception> ReadAsync(IConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                var read = await connection.Input.ReadAsync(cancellationToken).ConfigureAwait(false);
                if (read.Buffer.IsEmpty && read.IsCompleted)
                    return new IOException("it was closed");
                foreach (var part in read.Buffer)
                {
                    var bytes = part.ToArray();
                    lock (Gate)
                        end.Receive(bytes, 0, bytes.Length, Now);
                }

                connection.Input.AdvanceTo(read.Buffer.End);
                work.Set();
                changed();
            }
        }
        catch (Exception exception)
        {
            return exception;
        }
    }

    private async Task<Exception> WriteAsync(IConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            var frame = new byte[Frame.MaxEncoded];
            while (true)
            {
                int made, pause;
                lock (Gate)
                {
                    made = end.Fill(frame, Now);
                    pause = made > 0 ? 0 : end.NextIn(Now);
                }

                changed();
                if (made > 0)
                    await connection.Output.WriteAsync(frame.AsMemory(0, made), cancellationToken).ConfigureAwait(false);
                else
                    await work.WaitAsync(TimeSpan.FromMilliseconds(pause), scheduler, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception exception)
        {
            return exception;
        }
    }
}
