using System.Reactive.Concurrency;
using System.Reactive.Linq;
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

    /// <summary>All threads are blocked and more work waits: as they come free, all of it is done, though nobody could watch meanwhile.</summary>
    [Test]
    public async Task What_waits_while_every_thread_is_blocked_is_done_when_they_are_free()
    {
        var threads = (ObserverThreads)Activator.CreateInstance(typeof(ObserverThreads), nonPublic: true)!;
        using var released = new SemaphoreSlim(0);
        var done = 0;
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        const int Pieces = ObserverThreads.MaxThreads + 50;
        for (var i = 0; i < Pieces; i++)
        {
            threads.Schedule(() =>
            {
                released.Wait();
                if (Interlocked.Increment(ref done) == Pieces)
                    all.SetResult();
            });
        }

        released.Release(Pieces);

        await all.Task.Within("all work to be done");
    }

    /// <summary>A thread that wants nothing but a processor, as on a busy machine, is not blocked: more threads would only take turns with it.</summary>
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

    /// <summary>Nobody can tell whether a thread that does not wait computes or is in a call of the system: after a while it counts as blocked all the same.</summary>
    [Test]
    public async Task Observers_that_compute_for_ever_do_not_keep_others_from_being_called()
    {
        var threads = (ObserverThreads)Activator.CreateInstance(typeof(ObserverThreads), nonPublic: true)!;
        var over = false;
        for (var i = 0; i < Environment.ProcessorCount; i++)
        {
            threads.Schedule(() =>
            {
                while (!Volatile.Read(ref over))
                    Thread.SpinWait(1_000);
            });
        }

        var called = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        threads.Schedule(called.SetResult);
        await called.Task.Within("called although as many compute as there are processors");
        Volatile.Write(ref over, true);
    }

    [Test]
    public async Task Observers_take_no_thread_of_the_pool()
    {
        var server = await StartServerAsync();
        var pooled = new Recorder<bool>();
        void Note() => pooled.OnNext(Thread.CurrentThread.IsThreadPoolThread);
        server.Links.Subscribe(_ => Note());
        server.Changes.Subscribe(_ => Note());
        var peer = await JoinAsync(server);
        var link = server.Find("1")!;
        link.Lines.Subscribe(_ => Note());
        link.Heartbeat.Subscribe(_ => Note());
        link.Notices.Subscribe(_ => Note());
        link.State.Skip(1).Subscribe(_ => Note());
        Written(link, "written").Subscribe(_ => Note());
        link.Writer.OnError(new InvalidOperationException("a notice"));
        await peer.SayAsync("\n00line\n");
        Assert.That(await peer.HearLinesAsync(2), Is.EquivalentTo(["00", "00written"]));
        await peer.SayAsync("00\n");
        peer.Dispose();

        // Links; Joined, Up, Down; line, heartbeat, notice, state, written.
        Assert.That(await pooled.TakeAsync(9), Is.All.False);
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
