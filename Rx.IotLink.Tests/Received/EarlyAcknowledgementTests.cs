using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Simulation;

namespace Rx.IotLink.Tests.Received;

/// <summary>
/// What docs/delivery.md says of operators: which of them have a line acknowledged before it is processed.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class EarlyAcknowledgementTests : IDisposable
{
    private static readonly TaskCompletionSource Never = new();

    private readonly SimulatedLink link = SimulatedLink.Start();
    private readonly List<string> processed = [];

    public void Dispose() => link.Dispose();

    [Test]
    public void ObserveOn() => IsAcknowledgedEarly(lines => lines.ObserveOn(new TestScheduler()).Subscribe(processed.Add));

    [Test]
    public void Buffer() => IsAcknowledgedEarly(lines => lines.Buffer(10).Subscribe(some => processed.AddRange(some)));

    [Test]
    public void SelectMany_with_a_task() => IsAcknowledgedEarly(lines => lines.SelectMany(ProcessAsync).Subscribe());

#pragma warning disable VSTHRD100, VSTHRD200, MA0147, MA0155 // This is what must not be done.
    [Test]
    public void Async_void() => IsAcknowledgedEarly(lines => lines.Subscribe(ProcessLater));

    private async void ProcessLater(string line) => await ProcessAsync(line).ConfigureAwait(false);
#pragma warning restore VSTHRD100, VSTHRD200, MA0147, MA0155

    [Test]
    public void Select_Where_and_Do_have_it_acknowledged_when_they_are_done()
    {
        var acceptedBefore = 0L;
        Receive(lines => lines.Where(line => line.Length > 0).Select(line => line + line).Do(line =>
        {
            acceptedBefore = link.ServerEnd.Counters.LinesReceived;
            processed.Add(line);
        }).Subscribe());
        Assert.That((processed.Count, acceptedBefore, link.Client.Counters.Outbox), Is.EqualTo((1, 0L, 0)));
    }

    [Test]
    public void Process_does_not()
    {
        link.Run(1.s());
        using var processing = link.ServerEnd.Process((line, _) => ProcessAsync(line.Text));
        link.Client.Writer.OnNext("1");
        link.Run(5.s());
        Assert.That((processed.Count, link.Client.Counters.Outbox), Is.EqualTo((0, 1)));
    }

    private void IsAcknowledgedEarly(Func<IObservable<string>, IDisposable> subscribe)
    {
        Receive(subscribe);
        Assert.That((processed.Count, link.Client.Counters.Outbox), Is.EqualTo((0, 0)), "acknowledged, and not processed");
    }

    private void Receive(Func<IObservable<string>, IDisposable> subscribe)
    {
        link.Run(1.s());
        using var subscription = subscribe(link.ServerEnd.Lines);
        link.Client.Writer.OnNext("1");
        link.Run(5.s());
    }

    private async Task<int> ProcessAsync(string line)
    {
        await Never.Task.ConfigureAwait(false);
        processed.Add(line);
        return 0;
    }
}
