using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;

namespace Rx.IotLink.Testing.Simulation;

/// <summary>The handlers of the application on a machine. They can break.</summary>
/// <param name="clock">The clock of the process that runs.</param>
/// <param name="random">Decides whether a handler throws before or after its work.</param>
internal sealed class SimulatedHandlers(Func<IScheduler> clock, Random random)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly List<(HandlerFault How, object Token)> faults = [];
    private readonly List<Action> ended = [];

    // Accepted out of order: the one that waits for the next.
    private ReceivedLine? first;

    /// <summary>The fault that lasts, and began last.</summary>
    public HandlerFault? Current => faults.Count > 0 ? faults[^1].How : null;

    /// <summary>Lets a fault begin; disposing ends it.</summary>
    public IDisposable Begin(HandlerFault how)
    {
        var token = new object();
        faults.Add((how, token));
        return Disposable.Create(() =>
        {
            faults.RemoveAll(fault => fault.Token == token);
            if (faults.Count > 0)
                return;
            var waiting = ended.ToArray();
            ended.Clear();
            foreach (var action in waiting)
                action();
        });
    }

    /// <summary>The process has ended, and what it would have done later.</summary>
    public void Forget()
    {
        ended.Clear();
        first = null;
    }

    public async Task RunAsync(ReceivedLine line, Func<ReceivedLine, CancellationToken, Task> handler, CancellationToken cancellationToken)
    {
        switch (Current)
        {
            case HandlerFault.Throws:
                if (random.Next(2) == 0)
                    await handler(line, cancellationToken).ConfigureAwait(false);
                throw new InvalidOperationException("The handler is broken.");
            case HandlerFault.Cancels:
                throw new OperationCanceledException("The handler is broken.");
            case HandlerFault.Blocks:
                var over = new TaskCompletionSource();
                ended.Add(over.SetResult);
                await over.Task.ConfigureAwait(false);
                break;
            case HandlerFault.Slow:
                var late = new TaskCompletionSource();
                clock().Schedule(Pause, late.SetResult);
                await late.Task.ConfigureAwait(false);
                break;
        }

        await handler(line, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The line as the application gets it: its acceptance goes wrong.</summary>
    public ReceivedLine Wrap(ReceivedLine line) => new(line.DeviceId, line.Line, line.Utf8, line.Delivery, _ => Accept(line));

    private void Accept(ReceivedLine line)
    {
        switch (Current)
        {
            case HandlerFault.NeverAccepts:
                ended.Add(line.Accept);
                break;
            case HandlerFault.AcceptsLate:
                clock().Schedule(Pause, line.Accept);
                break;
            case HandlerFault.AcceptsTwice:
                line.Accept();
                clock().Schedule(Pause, line.Accept);
                break;
            case HandlerFault.AcceptsOutOfOrder when first is null:
                first = line;
                ended.Add(AcceptFirst);
                break;
            default:
                line.Accept();
                AcceptFirst();
                break;
        }
    }

    private void AcceptFirst()
    {
        var waiting = first;
        first = null;
        waiting?.Accept();
    }
}
