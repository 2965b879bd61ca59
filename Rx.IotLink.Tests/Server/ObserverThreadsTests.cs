using System.Reactive.Concurrency;
using System.Reactive.Linq;
using NUnit.Framework;
using Rx.IotLink.Tests.Server.Tools;
using Rx.IotLink.Time;

#pragma warning disable CA2201, MA0012 // As Thread.Start does where the system has no more threads.

namespace Rx.IotLink.Tests.Server;

/// <summary>Where observers are called by default: whatever blocks there, the next finds a thread.</summary>
public sealed class ObserverThreadsTests : ServerTest
{
    /// <summary>More than there ever were threads for, once.</summary>
    private const int Blocked = 300;

    /// <summary>
    /// One thread is idle and gets work that blocks; just then there is more work. Whether the idle thread still looks
    /// idle then is a matter of nanoseconds, so this is tried often, a little later each time.
    /// </summary>
    [Test]
    public async Task However_many_block_one_more_is_called()
    {
        for (var round = 0; round < 4; round++)
        {
            var threads = new ObserverThreads();
            using var released = new ManualResetEventSlim();
            using var left = new CountdownEvent(Blocked - 1);
            for (var blocked = 1; blocked < Blocked; blocked++)
            {
                var called = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                threads.NewLane().Schedule(() =>
                {
                    released.Wait();
                    left.Signal();
                });
                Thread.SpinWait(10 * blocked);
                threads.NewLane().Schedule(called.SetResult);
                await called.Task.Within($"called in round {round} although {blocked} are blocked");
            }

            released.Set();
            left.Wait();
        }
    }

    /// <summary>
    /// The system has no more threads and more work waits: as those that are there come free, all of it is done, though
    /// nobody could watch meanwhile.
    /// </summary>
    [Test]
    public async Task What_waits_while_there_are_no_more_threads_is_done_when_some_are_free()
    {
        const int Most = 20;
        const int Pieces = Most + 50;
        var started = 0;
        var threads = new ObserverThreads(start: thread =>
        {
            if (Interlocked.Increment(ref started) > Most)
                throw new OutOfMemoryException("Insufficient memory to start thread");
            thread.Start();
        });
        using var released = new SemaphoreSlim(0);
        var done = 0;
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        for (var i = 0; i < Pieces; i++)
        {
            threads.NewLane().Schedule(() =>
            {
                released.Wait();
                if (Interlocked.Increment(ref done) == Pieces)
                    all.SetResult();
            });
        }

        await Bound.EventuallyAsync(() => Volatile.Read(ref started) > Most);
        released.Release(Pieces);

        await all.Task.Within("all work to be done");
    }

    [Test]
    public async Task A_system_that_has_no_thread_at_all_is_asked_again()
    {
        var refusals = 0;
        var threads = new ObserverThreads(start: thread =>
        {
            if (Interlocked.Increment(ref refusals) <= 2)
                throw new OutOfMemoryException("Insufficient memory to start thread");
            thread.Start();
        });
        var called = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        threads.NewLane().Schedule(called.SetResult);

        await called.Task.Within("called, in the end");
    }

    [Test]
    public async Task One_lane_takes_no_more_than_its_threads_and_all_of_its_work_is_done()
    {
        const int Pieces = 100;
        var started = 0;
        var threads = new ObserverThreads(start: thread =>
        {
            Interlocked.Increment(ref started);
            thread.Start();
        });
        var lane = threads.NewLane();
        using var released = new ManualResetEventSlim();
        var done = new Recorder<int>();
        for (var i = 0; i < Pieces; i++)
        {
            var piece = i;
            lane.Schedule(() =>
            {
                released.Wait();
                done.OnNext(piece);
            });
        }

        var called = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        threads.NewLane().Schedule(called.SetResult);
        await called.Task.Within("another lane is called");
        // One watches, and one was for the other lane.
        Assert.That(Volatile.Read(ref started), Is.LessThanOrEqualTo(ObserverLane.MaxThreads + 2));

        released.Set();
        Assert.That(await done.TakeAsync(Pieces), Is.EquivalentTo(Enumerable.Range(0, Pieces)));
    }

    /// <summary>All threads of the pool could block there otherwise, and the pool adds others only slowly.</summary>
    [Test]
    public async Task No_more_than_half_of_the_pool_is_lent_and_what_is_lent_and_blocks_delays_no_other_work()
    {
        var threads = new ObserverThreads();
        var most = Environment.ProcessorCount / 2;
        using var released = new ManualResetEventSlim();
        using var entered = new CountdownEvent(most + 1);
        using var left = new CountdownEvent(2 * Environment.ProcessorCount);
        var lent = Enumerable.Range(0, most).Select(_ => Task.Factory.StartNew(() => threads.NewLane().TryRunHere(new ActionWork(() =>
        {
            entered.Signal();
            released.Wait();
        })), TaskCreationOptions.LongRunning)).ToList();
        entered.Signal();
        Assert.That(entered.Wait(Bound.Limit));

        Assert.That(threads.NewLane().TryRunHere(new ActionWork(() => { })), Is.False);
        for (var i = 0; i < 2 * Environment.ProcessorCount; i++)
        {
            var called = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            threads.NewLane().Schedule(called.SetResult);
            await called.Task.Within("called although the lent threads are blocked");
            threads.NewLane().Schedule(() =>
            {
                released.Wait();
                left.Signal();
            });
        }

        released.Set();
        Assert.That(left.Wait(Bound.Limit));
        Assert.That(await Task.WhenAll(lent).Within(), Is.All.True);
        await Bound.EventuallyAsync(() => threads.NewLane().TryRunHere(new ActionWork(() => { })) == most > 0);
    }

    /// <summary>
    /// A thread that wants nothing but a processor, as on a busy machine, is not blocked: more threads would only take
    /// turns with it.
    /// </summary>
    [TestCase("wait wait", ExpectedResult = true)]
    [TestCase("wait", ExpectedResult = false)]
    [TestCase("wait run wait", ExpectedResult = false, Description = "it gets on")]
    [TestCase("wait run wait wait", ExpectedResult = true)]
    [TestCase("run run run run run run run run run run run run run run run run run run run", ExpectedResult = false, Description = "19 ms")]
    [TestCase("run run run run run run run run run run run run run run run run run run run run", ExpectedResult = true, Description = "20 ms: perhaps in a call of the system")]
    public bool A_thread_is_taken_for_blocked(string looks)
    {
        var suspicion = default(ObserverThreads.Suspicion);
        return looks.Split(' ').Select(look => suspicion.IsProven(waits: look == "wait")).ToList()[^1];
    }

    /// <summary>
    /// Nobody can see whether a thread that does not wait computes or is in a call of the system: after a while it
    /// counts as blocked all the same.
    /// </summary>
    [Test]
    public async Task Observers_that_compute_for_ever_do_not_keep_others_from_being_called()
    {
        var threads = new ObserverThreads();
        var over = false;
        for (var i = 0; i < Environment.ProcessorCount; i++)
        {
            threads.NewLane().Schedule(() =>
            {
                while (!Volatile.Read(ref over))
                    Thread.SpinWait(1_000);
            });
        }

        var called = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        threads.NewLane().Schedule(called.SetResult);
        await called.Task.Within("called although as many compute as there are processors");
        Volatile.Write(ref over, true);
    }

    [Test]
    public async Task Work_can_be_delayed_and_called_off()
    {
        var ran = new Recorder<string>();
        var lane = ObserverThreads.Instance.NewLane();
        using var calledOff = lane.Schedule(TimeSpan.FromMilliseconds(500), () => ran.OnNext("called off"));
        calledOff.Dispose();
        lane.Schedule(TimeSpan.FromMilliseconds(600), () => ran.OnNext("delayed"));
        lane.Schedule(() => ran.OnNext("at once"));

        Assert.That(await ran.TakeAsync(2), Is.EqualTo(["at once", "delayed"]));
    }
}
