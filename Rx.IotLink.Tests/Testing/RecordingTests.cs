using System.Reactive.Linq;
using System.Reactive.Subjects;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Testing;

/// <summary>Recordings and their marble diagrams.</summary>
public sealed class RecordingTests
{
    [Test]
    public void Marbles_show_what_came_in_which_span()
    {
        var clock = new TestScheduler();
        using var network = SimulatedNetwork.On(clock);
        using var source = new Subject<string>();
        using var ended = network.Record(source);
        using var open = network.Record(source.Concat(Observable.Never<string>()));
        network.RunFor(1.5.s());
        source.OnNext("apple");
        source.OnNext("banana");
        network.RunFor(2.s());
        source.OnNext("cherry");
        network.RunFor(1.s());
        source.OnCompleted();
        network.RunFor(2.s());

        Assert.Multiple(() =>
        {
            Assert.That(ended.Marbles(1.s(), v => v[0]), Is.EqualTo("-(ab)-c|"));
            Assert.That(open.Marbles(1.s(), v => v[0]), Is.EqualTo("-(ab)-c--"));
            Assert.That(ended.Moments[^1], Is.EqualTo(new Moment<string>(3.5.s(), "cherry")));
            Assert.That(ended.EndedAt, Is.EqualTo(4.5.s()));
        });
    }

    [Test]
    public void An_error_is_shown_as_such()
    {
        using var network = SimulatedNetwork.On(new TestScheduler());
        using var recording = network.Record(Observable.Throw<int>(new InvalidOperationException("mine")));

        Assert.That(recording.Marbles(1.s(), _ => 'x'), Is.EqualTo("#"));
        Assert.That(recording.Error, Has.Message.EqualTo("mine"));
        Assert.That(() => recording.Marbles(TimeSpan.Zero, _ => 'x'), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }
}
