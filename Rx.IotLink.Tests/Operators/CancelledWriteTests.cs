using System.Text;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Simulation;

namespace Rx.IotLink.Tests.Operators;

/// <summary>
/// A cancelled write reports whether its line was sent: a line that was not sent may be written again.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class CancelledWriteTests : IDisposable
{
    private readonly LinkPair pair = new(new TestScheduler());
    private readonly CancellationTokenSource cancelling = new();
    private readonly List<string> received = [];

    public CancelledWriteTests() => pair.Server.Lines.Subscribe(received.Add);

    private static IEnumerable<TestCaseData> Writes =>
    [
        Write("WriteAsync", (link, line, token) => link.WriteAsync(line, cancellationToken: token)),
        Write("WriteAsync, concurrent", (link, line, token) => link.WriteAsync(line, ordering: Ordering.Concurrent, cancellationToken: token)),
        Write("WriteUtf8Async", (link, line, token) => link.WriteUtf8Async(Encoding.UTF8.GetBytes(line), cancellationToken: token).AsTask()),
        Write("WriteAllAsync", (link, line, token) => link.WriteAllAsync(new[] { line, "next" }.ToAsyncEnumerable(), token)),
        Write("RequestAsync", (link, line, token) => link.RequestAsync(line, cancellationToken: token)),
    ];

    public void Dispose()
    {
        pair.Dispose();
        cancelling.Dispose();
    }

    [TestCaseSource(nameof(Writes))]
    public void In_an_outage_the_line_is_taken_back_and_does_not_arrive(Func<ILink, string, CancellationToken, Task> write)
    {
        pair.GoDown();
        pair.Advance(1.s());
        var waiting = write(pair.Device, "line", cancelling.Token);
        pair.Advance(1.s());
        Assert.That(waiting.IsCompleted, Is.False);

        cancelling.Cancel();

        Assert.That(FateOf(waiting), Is.False);
        pair.ComeUp();
        pair.Advance(1.min());
        Assert.That(received, Is.Empty);
        Assert.That(pair.Device.Counters.Outbox, Is.Zero);
    }

    [TestCaseSource(nameof(Writes))]
    public void What_was_sent_may_arrive(Func<ILink, string, CancellationToken, Task> write)
    {
        // Sent at once, and on its way for a few milliseconds.
        var waiting = write(pair.Device, "line", cancelling.Token);
        Assert.That(waiting.IsCompleted, Is.False);

        cancelling.Cancel();

        Assert.That(FateOf(waiting), Is.True);
        pair.Advance(1.s());
        Assert.That(received, Has.Count.EqualTo(1), "as it did here");
    }

    [TestCaseSource(nameof(Writes))]
    public void With_a_token_that_is_cancelled_already_nothing_is_sent(Func<ILink, string, CancellationToken, Task> write)
    {
        var waiting = write(pair.Device, "line", new CancellationToken(canceled: true));

        Assert.That(FateOf(waiting), Is.False);
        pair.Advance(1.s());
        Assert.That(received, Is.Empty);
    }

    [TestCaseSource(nameof(Writes))]
    public void What_was_accepted_is_not_reported_as_cancelled(Func<ILink, string, CancellationToken, Task> write)
    {
        using var answering = pair.Server.Respond((_, _) => Task.FromResult("42")).Subscribe();
        var waiting = write(pair.Device, "line", cancelling.Token);
        pair.Advance(1.s());

        cancelling.Cancel();
        pair.Advance(1.s());

        Assert.That(waiting.IsCompletedSuccessfully);
    }

    /// <summary>
    /// Whether it was accepted is known to the link when the acknowledgement has come, to whoever waits a moment later:
    /// between the two it is cancelled.
    /// </summary>
    [Test]
    public void A_line_that_is_accepted_when_it_is_cancelled_counts_as_accepted()
    {
        var waiting = pair.Device.WriteAsync("line", cancellationToken: cancelling.Token);
        // In small steps, up to the very one in which the acknowledgement comes.
        while (pair.Device.Counters.LinesAcknowledged == 0)
            pair.Advance(TimeSpan.FromTicks(1));
        cancelling.Cancel();
        pair.Advance(1.s());

        Assert.That(waiting.IsCompletedSuccessfully);
    }

    [Test]
    public void Best_effort_that_waits_for_an_outage_to_end_is_taken_back()
    {
        pair.GoDown();
        pair.Advance(1.s());
        var waiting = pair.Device.WriteAsync("line", Delivery.BestEffort, cancellationToken: cancelling.Token);

        cancelling.Cancel();

        Assert.That(FateOf(waiting), Is.False);
        pair.ComeUp();
        pair.Advance(1.min());
        Assert.That(received, Is.Empty);
    }

    [Test]
    public void An_outage_does_not_make_a_line_that_was_sent_one_that_was_not()
    {
        var waiting = pair.Device.WriteAsync("line", cancellationToken: cancelling.Token);
        pair.GoDown();
        pair.Advance(5.s());

        cancelling.Cancel();

        Assert.That(FateOf(waiting), Is.True);
    }

    /// <summary>The lines that a new protocol takes over wait as new ones do, but the peer may have them.</summary>
    [Test]
    public void Nor_does_a_change_of_the_protocols_version()
    {
        using var link = SimulatedLink.Start(client: options => options with { DrainTimeout = TimeSpan.Zero });
        link.Run(1.s());
        var atServer = link.ServerEnd;
        var waiting = atServer.WriteAsync("sent before", cancellationToken: cancelling.Token);
        var later = atServer.WriteAsync("sent before, too");
        link.Path.Kill(reset: true);
        _ = ((IotLinkClient)link.Client).CloseAsync();
        link.Run(5.s());
        // The device comes back with older software, and does not take lines.
        var old = IotLinkClient.Start(new IotLinkClientOptions
        {
            Host = "simulated", Id = SimulatedLink.Id, Transport = link.Path, Scheduler = link.Scheduler, Seed = 3, DrainTimeout = TimeSpan.Zero, Protocol = 1,
        });
        while (atServer.Counters.LinesRepeated == 0 && !((Link)atServer).Current.IsUp)
            link.Run(TimeSpan.FromMilliseconds(1));

        cancelling.Cancel();

        Assert.That(FateOf(waiting), Is.True);
        Assert.That(later.IsCompleted, Is.False);
        _ = old.CloseAsync();
    }

    [Test]
    public void The_exception_says_in_words_what_it_means()
    {
        Assert.Multiple(() =>
        {
            Assert.That(new WriteCancelledException("pump-1", wasSent: false, default).Message, Is.EqualTo("A write to link 'pump-1' was cancelled: the line was taken back, and does not arrive."));
            Assert.That(
                new WriteCancelledException("pump-1", wasSent: true, default).Message,
                Is.EqualTo("A write to link 'pump-1' was cancelled: the line was sent before, and may have arrived, or may still arrive."));
        });
    }

    private static TestCaseData Write(string name, Func<ILink, string, CancellationToken, Task> write) => new TestCaseData(write).SetArgDisplayNames(name);

    private static bool FateOf(Task write)
    {
        Assert.That(write.IsCanceled, "it counts as cancelled, as a task of any other library");
#pragma warning disable VSTHRD002 // It is done.
        var cancelled = Assert.Throws<WriteCancelledException>(() => write.GetAwaiter().GetResult())!;
#pragma warning restore VSTHRD002
        Assert.That(cancelled.CancellationToken.IsCancellationRequested);
        return cancelled.WasSent;
    }
}
