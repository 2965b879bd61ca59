using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Server;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Tests.Simulation;

namespace Rx.IotLink.Tests.Rest;

/// <summary>A cancelled wait leaves nothing behind, however often it happens.</summary>
/// <remarks>Alone, since the memory of the process is counted.</remarks>
[NonParallelizable]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class GivenUpTests : IDisposable
{
    private const int Calls = 20_000;

    /// <summary>For what the runtime does besides; each call left about 200 once.</summary>
    private const int MostBytesEach = 10;

    private readonly SimulatedLink link = SimulatedLink.Start(scheduler: new TestScheduler());
    private readonly CancellationTokenSource never = new();
    private readonly Task<string> patient;

    public GivenUpTests()
    {
        link.Run(1.s());
        // One who waits on, so that what comes behind it is not forgotten with it.
        patient = link.ServerEnd.ReadLineAsync(never.Token);
    }

    private static IEnumerable<TestCaseData> Waits =>
    [
        Wait("for another device each time", (link, i, token) => link.Server.WaitForAsync($"{i}", token)),
        Wait("for one device", (link, _, token) => link.Server.WaitForAsync("nobody", token)),
        Wait("for several devices", (link, i, token) => link.Server.WaitForAllAsync([$"{i}", "nobody"], token)),
        Wait("for a line", (link, _, token) => link.ServerEnd.ReadLineAsync(token)),
        Wait("for the end of an outage", (link, _, token) => link.Client.WaitUntilUpAsync(token)),
        Wait("for the outbox to be empty", (link, _, token) => link.Client.DrainAsync(token)),
        Wait("for a line to be accepted", (link, _, token) => link.Client.WriteAsync("x", cancellationToken: token)),
        Wait("for an answer", (link, _, token) => link.Client.RequestAsync("x", cancellationToken: token)),
    ];

    public void Dispose()
    {
        Assert.That(patient.IsCompleted, Is.False);
        link.Dispose();
        never.Dispose();
    }

    [TestCaseSource(nameof(Waits))]
    public void Waiting(Func<object, int, CancellationToken, Task> wait)
    {
        using var refusal = link.Path.Refuse();
        link.Path.Kill(reset: true);
        link.Run(5.s());
        _ = link.Client.WriteAsync("waits");
        GiveUp(0);
        var before = Heap.Bytes();

        GiveUp(Calls);

        Assert.That((Heap.Bytes() - before) / Calls, Is.LessThan(MostBytesEach), "bytes each");

        void GiveUp(int from)
        {
            for (var i = from; i < from + Calls; i++)
            {
                using var patience = new CancellationTokenSource();
                var waiting = wait(link, i, patience.Token);
                Assert.That(waiting.IsCompleted, Is.False);
                patience.Cancel();
                Assert.That(waiting.IsCanceled || waiting.Exception?.InnerException is OperationCanceledException);
            }

            // A virtual clock forgets a timer that was called off when its time has come.
            link.Run(1.min());
        }
    }

    /// <summary>
    /// A token that lives as long as the application, as the one of a host, is not to be filled with what is over.
    /// </summary>
    [Test]
    public void Waiting_that_came_to_an_end_leaves_nothing_at_its_token()
    {
        Wait(0);
        var before = Heap.Bytes();

        Wait(Calls);

        Assert.That((Heap.Bytes() - before) / Calls, Is.LessThan(MostBytesEach), "bytes each");

        void Wait(int from)
        {
            for (var i = from; i < from + Calls; i++)
            {
                Assert.That(link.Client.WaitUntilUpAsync(never.Token).IsFaulted, Is.False);
                Assert.That(link.Client.DrainAsync(never.Token).IsFaulted, Is.False);
                var found = link.Server.WaitForAsync(SimulatedLink.Id, never.Token);
                link.Run(TimeSpan.FromTicks(1));
                Assert.That(found.IsCompletedSuccessfully);
            }
        }
    }

    private static TestCaseData Wait(string name, Func<SimulatedLink, int, CancellationToken, Task> wait) =>
        new TestCaseData((Func<object, int, CancellationToken, Task>)((link, i, token) => wait((SimulatedLink)link, i, token))).SetArgDisplayNames(name);
}
