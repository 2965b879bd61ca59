using System.Reactive;
using NUnit.Framework;

namespace Rx.IotLink.Tests.Operators;

internal sealed class SerialObserverTests
{
    [Test]
    public void Many_threads_are_heard_one_at_a_time_each_in_its_order()
    {
        const int Threads = 4;
        const int Values = 20_000;
        var inside = 0;
        var overlaps = 0;
        var heard = new List<(int Thread, int Value)>();
        var serial = new SerialObserver<(int Thread, int Value)>(Observer.Create<(int Thread, int Value)>(value =>
        {
            if (Interlocked.Increment(ref inside) != 1)
                Interlocked.Increment(ref overlaps);
            heard.Add(value);
            Interlocked.Decrement(ref inside);
        }));

        Parallel.For(0, Threads, thread =>
        {
            for (var value = 0; value < Values; value++)
                serial.OnNext((thread, value));
        });

        Assert.That(overlaps, Is.Zero);
        for (var thread = 0; thread < Threads; thread++)
            Assert.That(heard.Where(h => h.Thread == thread).Select(h => h.Value), Is.EqualTo(Enumerable.Range(0, Values)));
    }

    [Test]
    public void What_the_observer_causes_while_it_is_called_comes_after_the_call()
    {
        var order = new List<string>();
        SerialObserver<int>? serial = null;
        serial = new(Observer.Create<int>(value =>
        {
            order.Add($"in {value}");
            if (value == 1)
                serial!.OnNext(2);
            order.Add($"out {value}");
        }));

        serial.OnNext(1);

        Assert.That(order, Is.EqualTo(new[] { "in 1", "out 1", "in 2", "out 2" }));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Nothing_follows_the_end(bool withError)
    {
        var heard = new List<NotificationKind>();
        var serial = new SerialObserver<int>(new Recorder(heard));

        serial.OnNext(1);
        if (withError)
            serial.OnError(new IOException("broken"));
        else
            serial.OnCompleted();
        serial.OnNext(2);
        serial.OnError(new IOException("broken"));
        serial.OnCompleted();

        Assert.That(heard, Is.EqualTo(new[] { NotificationKind.OnNext, withError ? NotificationKind.OnError : NotificationKind.OnCompleted }));
    }

    [Test]
    public void Nothing_follows_an_exception_of_the_observer_which_its_cause_is_given()
    {
        var calls = 0;
        var broken = new IOException("broken");
        var serial = new SerialObserver<int>(Observer.Create<int>(_ =>
        {
            calls++;
            throw broken;
        }));

        Assert.That(() => serial.OnNext(1), Throws.Exception.SameAs(broken));
        serial.OnNext(2);

        Assert.That(calls, Is.EqualTo(1));
    }

    /// <summary>Does not guard the grammar itself, as Rx's own observers do.</summary>
    private sealed class Recorder(List<NotificationKind> heard) : IObserver<int>
    {
        public void OnNext(int value) => heard.Add(NotificationKind.OnNext);

        public void OnError(Exception error) => heard.Add(NotificationKind.OnError);

        public void OnCompleted() => heard.Add(NotificationKind.OnCompleted);
    }
}
