using System.Reactive.Concurrency;
using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Simulation;

/// <summary>
/// A notice reports an observer that holds a line for long: once for each line, measured on the link's clock.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SlowObserverTests : IDisposable
{
    private readonly SemaphoreSlim entered = new(0);
    private readonly SemaphoreSlim released = new(0);
    private readonly SimulatedLink link;
    private readonly Recorder<LinkNotice> notices = new();

    public SlowObserverTests()
    {
        // Its observers are called on threads of their own, so that one can block while virtual time goes by.
        link = SimulatedLink.Start(server: options => options with { ObserverScheduler = NewThreadScheduler.Default });
        link.Run(1.s());
        link.ServerEnd.Notices.Where(n => n.Kind == LinkNoticeKind.ObserverSlow).Subscribe(notices);
    }

    public void Dispose()
    {
        released.Release(100);
        link.Dispose();
        entered.Dispose();
    }

    [Test]
    public async Task A_line_that_is_held_for_longer_than_the_limit_is_reported_once()
    {
        Block();
        await ReceiveAsync("1");
        link.Run(9.s());
        Assert.That(link.ServerEnd.Counters.SlowObservers, Is.Zero);

        link.Run(2.s());

        var notice = await notices.FirstAsync(_ => true);
        Assert.That(notice.Detail, Does.StartWith("an observer of the lines has not returned from OnNext for 10 s;"));
        link.Run(10.min());
        Assert.That(link.ServerEnd.Counters.SlowObservers, Is.EqualTo(1));
        Assert.That(notices.Values, Has.Count.EqualTo(1));
        Assert.That(link.ServerEnd.Counters.Outages, Is.Zero, "it is not the link's fault");
    }

    [Test]
    public async Task The_next_line_that_is_held_so_long_is_reported_again()
    {
        Block();
        for (var n = 1; n <= 3; n++)
        {
            await ReceiveAsync($"{n}");
            link.Run(11.s());
            await notices.TakeAsync(n);
            released.Release();
            await Bound.EventuallyAsync(() => link.ServerEnd.Counters.LinesReceived == n);
        }

        Assert.That(link.ServerEnd.Counters.SlowObservers, Is.EqualTo(3));
    }

    /// <summary>Each line for itself, also where many come together.</summary>
    [Test]
    public async Task Many_lines_that_are_each_held_for_less_are_not_reported()
    {
        Block();
        for (var n = 1; n <= 10; n++)
            Write($"{n}");
        link.Run(1.s());
        for (var n = 1; n <= 10; n++)
        {
            await EnteredAsync();
            link.Run(6.s());
            released.Release();
        }

        await Bound.EventuallyAsync(() => link.ServerEnd.Counters.Inbox == 0);
        link.Run(1.min());
        Assert.That(link.ServerEnd.Counters.SlowObservers, Is.Zero);
    }

    [Test]
    public async Task After_lines_that_were_not_held_one_that_is_is_reported()
    {
        var lines = new Recorder<string>();
        using (link.ServerEnd.Lines.Subscribe(lines))
        {
            for (var n = 1; n <= 30; n++)
            {
                Write($"{n}");
                link.Run(1.s());
                await lines.TakeAsync(n);
            }
        }

        Block();
        await ReceiveAsync("held");
        link.Run(11.s());

        await notices.TakeAsync(1);
    }

    private void Block() => link.ServerEnd.Lines.Subscribe(_ =>
    {
        entered.Release();
        released.Wait();
    });

    private async Task ReceiveAsync(string line)
    {
        Write(line);
        link.Run(100.ms());
        await EnteredAsync();
    }

    private void Write(string line) => link.Client.Writer.OnNext(line);

    private async Task EnteredAsync() => Assert.That(await entered.WaitAsync(Bound.Limit), "the observer is called");
}
