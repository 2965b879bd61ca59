using System.Reactive;
using System.Reactive.Concurrency;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;

namespace Rx.IotLink.Tests.Rest;

/// <summary>What a stream of states gives to who subscribes while another thread publishes.</summary>
internal sealed class BroadcastTests
{
    /// <summary>
    /// Each observer has a value when <c>Subscribe</c> returns. A publisher that took the drain of an observer which
    /// has just been added would let it return without one: without the lock around both, some of 300,000 were empty.
    /// </summary>
    [Test]
    public async Task The_latest_value_comes_before_Subscribe_returns_whatever_another_thread_publishes()
    {
        var values = new Broadcast<int>(ThreadPoolScheduler.Instance, Replay.Latest, capacity: 4, "values", faults: null);
        values.Post(0);
        using var over = new CancellationTokenSource();
        var publisher = Task.Factory.StartNew(
            () =>
            {
                for (var value = 1; !over.IsCancellationRequested; value++)
                {
                    values.Post(value);
                    values.Publish();
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);

        var empty = 0;
        for (var at = 0; at < 300_000; at++)
        {
            var got = 0;
            using (values.Subscribe(Observer.Create<int>(_ => Volatile.Write(ref got, 1))))
                empty += Volatile.Read(ref got) == 0 ? 1 : 0;
        }

        await over.CancelAsync();
        await publisher.Within();
        Assert.That(empty, Is.Zero);
    }
}
