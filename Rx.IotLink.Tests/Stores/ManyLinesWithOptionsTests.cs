using System.Reactive.Linq;
using System.Reactive.Subjects;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;
using Rx.IotLink.Tests.Testing;

namespace Rx.IotLink.Tests.Stores;

/// <summary>Streams and sequences of lines that are written with options.</summary>
public sealed class ManyLinesWithOptionsTests
{
    private readonly List<string> received = [];
    private readonly List<string> dropped = [];
    private SimulatedNetwork network = null!;
    private SimulatedDevice pump = null!;

    [SetUp]
    public void Start()
    {
        received.Clear();
        dropped.Clear();
        network = SimulatedNetwork.On(new TestScheduler());
        var server = network.AddServer(app: (process, _) => process.Links.SelectMany(l => l.Lines).Subscribe(received.Add));
        pump = network.AddDevice("pump-1", server, o => o with { BackOff = new BackOff { Initial = 1.s(), Factor = 1, Jitter = 0 } });
        network.RunFor(1.s());
    }

    [TearDown]
    public void End() => network.Dispose();

    [Test]
    public void A_stream_goes_on_behind_a_line_that_was_dropped()
    {
        var (accepted, ended) = (0, false);
        var outage = Outage();
        new[] { "stale 1", "stale 2", "fresh" }.ToObservable()
            .WriteTo(pump.Link, new WriteOptions { TimeToLive = 5.s() }, onDropped: dropped.Add).Subscribe(_ => accepted++, () => ended = true);
        network.RunFor(11.s());
        outage.Dispose();
        network.RunFor(30.s());

        Assert.That((dropped, received), Is.EqualTo((new[] { "stale 1", "stale 2" }, new[] { "fresh" })));
        Assert.That((accepted, ended), Is.EqualTo((1, true)));
    }

    [Test]
    public void Without_a_callback_the_line_that_was_dropped_ends_the_stream()
    {
        Exception? error = null;
        using var outage = Outage();
        new[] { "stale", "never" }.ToObservable().WriteTo(pump.Link, new WriteOptions { TimeToLive = 5.s() }).Subscribe(_ => { }, e => error = e);
        network.RunFor(11.s());

        Assert.That(error, Is.InstanceOf<LineExpiredException>());
        Assert.That(pump.Link.Counters.Outbox, Is.Zero);
    }

    [Test]
    public void A_stream_until_stored_waits_for_no_server()
    {
        var ended = false;
        var outage = Outage();
        Enumerable.Range(0, 50).Select(n => $"{n}").ToObservable().WriteTo(pump.Link, new WriteOptions { Until = WrittenUntil.Stored }).Subscribe(_ => { }, () => ended = true);
        network.RunFor(1.s());
        Assert.That((ended, pump.Flash.LinesOf("pump-1").Count), Is.EqualTo((true, 50)));
        outage.Dispose();
        network.RunFor(30.s());

        Assert.That(received, Is.EqualTo(Enumerable.Range(0, 50).Select(n => $"{n}")));
    }

    [Test]
    public void Unsubscribing_takes_back_the_line_that_was_not_sent()
    {
        using var source = new Subject<string>();
        var outage = Outage();
        var writing = source.WriteTo(pump.Link, new WriteOptions { TimeToLive = 60.s() }).Subscribe();
        source.OnNext("taken back");
        network.RunFor(1.s());
        writing.Dispose();
        outage.Dispose();
        network.RunFor(30.s());

        Assert.That((received.Count, pump.Link.Counters.Outbox), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task A_sequence_goes_on_behind_a_line_that_was_dropped()
    {
        var outage = Outage();
        var writing = pump.Link.WriteAllAsync(new[] { "stale", "fresh" }.ToAsyncEnumerable(), new WriteOptions { TimeToLive = 5.s() }, dropped.Add);
        network.RunFor(6.s());
        outage.Dispose();
        network.RunFor(30.s());
        await writing;

        Assert.That((dropped, received), Is.EqualTo((new[] { "stale" }, new[] { "fresh" })));
    }

    [Test]
    public void An_option_out_of_its_range_is_named()
    {
        var options = new WriteOptions { TimeToLive = TimeSpan.Zero };

        Assert.That(() => Observable.Empty<string>().WriteTo(pump.Link, options), Throws.InstanceOf<ArgumentException>().With.Message.Contains("TimeToLive"));
        Assert.That(() => pump.Link.WriteAllAsync(AsyncEnumerable.Empty<string>(), options), Throws.InstanceOf<ArgumentException>().With.Message.Contains("TimeToLive"));
    }

    private IDisposable Outage()
    {
        var outage = pump.Path.Refuse();
        pump.Path.Kill(reset: true);
        network.RunFor(1.s());
        return outage;
    }
}
