using System.Reactive.Concurrency;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Time;

namespace Rx.IotLink.Tests.Server;

/// <summary>Where observers are called by default: whatever blocks there, the next finds a thread.</summary>
public sealed class ObserverThreadsTests : ServerTest
{
    /// <summary>
    /// One thread is idle and gets work that blocks; just then there is more work. Whether the idle thread still looks idle then is a matter of
    /// nanoseconds, so this is tried often, a little later each time.
    /// </summary>
    [Test]
    public async Task However_many_block_one_more_is_called()
    {
        for (var round = 0; round < 4; round++)
        {
            var threads = (ObserverThreads)Activator.CreateInstance(typeof(ObserverThreads), nonPublic: true)!;
            using var released = new ManualResetEventSlim();
            using var left = new CountdownEvent(ObserverThreads.MaxThreads - 1);
            for (var blocked = 1; blocked < ObserverThreads.MaxThreads; blocked++)
            {
                var called = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                threads.Schedule(() =>
                {
                    released.Wait();
                    left.Signal();
                });
                Thread.SpinWait(10 * blocked);
                threads.Schedule(called.SetResult);
                await called.Task.Within($"called in round {round} although {blocked} are blocked");
            }

            released.Set();
            left.Wait();
        }
    }

    [Test]
    public async Task Work_can_be_delayed_and_called_off()
    {
        var ran = new Recorder<string>();
        using var calledOff = ObserverThreads.Instance.Schedule(TimeSpan.FromMilliseconds(500), () => ran.OnNext("called off"));
        calledOff.Dispose();
        ObserverThreads.Instance.Schedule(TimeSpan.FromMilliseconds(600), () => ran.OnNext("delayed"));
        ObserverThreads.Instance.Schedule(() => ran.OnNext("at once"));

        Assert.That(await ran.TakeAsync(2), Is.EqualTo(["at once", "delayed"]));
    }
}
