using System.Reactive;
using System.Reactive.Subjects;

namespace Rx.IotLink.Tests.Operators;

/// <summary>
/// A link played by the test: it says what comes in, what state there is, and when, if ever, a written line is
/// accepted.
/// </summary>
internal sealed class ScriptedLink : ILink
{
    public Subject<string> Incoming { get; } = new();

    public Subject<LinkState> States { get; } = new();

    /// <summary>What comes of writing a line. To begin with: accepted at once.</summary>
    public Func<string, IObservable<Unit>> OnWrite { get; set; } = static _ => System.Reactive.Linq.Observable.Return(Unit.Default);

    /// <summary>The same for <see cref="WriteAsync(string, Delivery, Ordering, CancellationToken)"/>.</summary>
    public Func<string, CancellationToken, Task> OnWriteAsync { get; set; } = static (_, _) => Task.CompletedTask;

    public List<string> Written { get; } = [];

    public List<Delivery> Deliveries { get; } = [];

    public string Id => "scripted";

    public IObservable<string> Lines => Incoming;

    public IObservable<LinkState> State => States;

    public Subject<ReceivedLine> IncomingNamed { get; } = new();

    public IObservable<ReceivedLine> Received => IncomingNamed;

    public IObserver<string> Writer => throw new NotSupportedException();

    public IObservable<Unit> Heartbeat => throw new NotSupportedException();

    public IObservable<Unit> Heard => throw new NotSupportedException();

    public IObservable<LinkNotice> Notices => throw new NotSupportedException();

    public LinkCounters Counters => throw new NotSupportedException();

    public IObservable<Unit> Write(string line, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Ordered) =>
        System.Reactive.Linq.Observable.Defer(() =>
        {
            Written.Add(line);
            Deliveries.Add(delivery);
            return OnWrite(line);
        });

    public Task WriteAsync(string line, Delivery delivery = Delivery.ExactlyOnce, Ordering ordering = Ordering.Ordered, CancellationToken cancellationToken = default)
    {
        Written.Add(line);
        return OnWriteAsync(line, cancellationToken);
    }

    public Task<string> ReadLineAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public IAsyncEnumerable<string> ReadLinesAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public Task WaitUntilUpAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public Task DrainAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();
}
