using System.Reactive;
using System.Reactive.Concurrency;
using Microsoft.Reactive.Testing;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Rest;

/// <summary>The rules of one stream, on one thread: what mutation testing found without a test in its room.</summary>
internal sealed class BroadcastRulesTests : IObserverFaults
{
    private readonly TestScheduler clock = new();
    private readonly List<(string Stream, string Error)> faults = [];

    [Test]
    public void A_stream_that_replays_all_gives_all_that_were_not_forgotten()
    {
        var values = Of(Replay.All);
        foreach (var value in (int[])[1, 2, 3])
            values.Post(value);
        values.Forget(2);

        Assert.That(Got(values), Is.EqualTo(["1", "3"]));
    }

    /// <summary>Also where fewer are kept for an observer that is slow.</summary>
    [Test]
    public void All_that_is_replayed_comes()
    {
        var values = Of(Replay.All, capacity: 1);
        values.Post(1);
        values.Post(2);

        Assert.That(Got(values), Is.EqualTo(["1", "2"]));
    }

    [Test]
    public void A_full_queue_loses_its_oldest_value()
    {
        var values = Of(Replay.Nothing, capacity: 2);
        var got = Got(values);
        foreach (var value in (int[])[1, 2, 3])
            values.Post(value);
        Deliver(values);

        Assert.That(got, Is.EqualTo(["2", "3"]));
    }

    [Test]
    public void Nothing_follows_the_end()
    {
        var values = Of(Replay.Latest);
        var got = Got(values);
        values.Post(1);
        values.End();
        values.Post(2);
        Deliver(values);

        Assert.That(got, Is.EqualTo(["1", "completed"]));
        Assert.That(Got(values), Is.EqualTo(["1", "completed"]), "of whoever comes later");
    }

    [Test]
    public void An_error_ends_it_as_an_error()
    {
        var values = Of(Replay.Nothing);
        var got = Got(values);
        values.Post(1);
        values.End(new InvalidOperationException("over"));
        Deliver(values);
        Deliver(values);

        Assert.That(got, Is.EqualTo(["1", "over"]));
    }

    [Test]
    public void An_observer_that_throws_is_reported_and_gets_nothing_more()
    {
        var values = Of(Replay.Nothing);
        var got = new List<int>();
        values.Subscribe(Observer.Create<int>(value =>
        {
            got.Add(value);
            throw new InvalidOperationException("mine");
        }));
        var other = Got(values);
        values.Post(1);
        Deliver(values);
        values.Post(2);
        Deliver(values);

        Assert.That(got, Is.EqualTo([1]));
        Assert.That(faults, Is.EqualTo([("values", "mine")]));
        Assert.That(other, Is.EqualTo(["1", "2"]));
    }

    /// <summary>A value that an observer causes comes after it has returned.</summary>
    [Test]
    public void An_observer_is_not_called_within_its_call()
    {
        var values = new Broadcast<int>(ImmediateScheduler.Instance, Replay.Nothing, capacity: 4, "values", this);
        var depth = 0;
        var got = new List<(int Value, int Depth)>();
        values.Subscribe(Observer.Create<int>(value =>
        {
            got.Add((value, ++depth));
            if (value < 3)
            {
                values.Post(value + 1);
                values.Publish();
            }

            depth--;
        }));
        values.Post(1);
        values.Publish();

        Assert.That(got, Is.EqualTo([(1, 1), (2, 1), (3, 1)]));
    }

    [Test]
    public void Whoever_has_left_while_it_is_called_gets_nothing_more()
    {
        var values = Of(Replay.Nothing);
        var got = new List<int>();
        IDisposable? subscription = null;
        subscription = values.Subscribe(Observer.Create<int>(value =>
        {
            got.Add(value);
            subscription!.Dispose();
        }));
        values.Post(1);
        values.Post(2);
        Deliver(values);

        Assert.That(got, Is.EqualTo([1]));
    }

    [Test]
    public void An_observer_is_called_on_its_own_scheduler()
    {
        var values = Of(Replay.Nothing);
        var own = new TestScheduler();
        var got = new List<int>();
        values.Subscribe(Observer.Create<int>(got.Add), replays: true, own);
        values.Post(1);
        Deliver(values);
        Assert.That(got, Is.Empty);

        own.Start();
        Assert.That(got, Is.EqualTo([1]));
    }

    void IObserverFaults.ObserverFailed(string stream, Exception error) => faults.Add((stream, error.Message));

    private Broadcast<int> Of(Replay replay, int capacity = 4) => new(clock, replay, capacity, "values", this);

    private void Deliver(Broadcast<int> values)
    {
        values.Publish();
        clock.Start();
    }

    private static List<string> Got(Broadcast<int> values)
    {
        var got = new List<string>();
        values.Subscribe(Observer.Create<int>(value => got.Add($"{value}"), error => got.Add(error.Message), () => got.Add("completed")));
        return got;
    }
}
