using System.Diagnostics;
using System.Globalization;
using System.Reactive.Concurrency;
using System.Reflection;
using System.Text;
using NUnit.Framework;
using Rx.IotLink.Protocol;
using Rx.IotLink.Protocol.Version2;
using Rx.IotLink.Server;

namespace Rx.IotLink.Tests.Speed;

/// <summary>
/// What a line allocates, counted on one thread and in virtual time: the difference between many lines and twice as
/// many, so that what is paid once, or for each batch, does not count.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[NonParallelizable]
public sealed class AllocationTests : IDisposable
{
    private const int Lines = 100;
    private const int LineLength = 32;

    /// <summary>
    /// A string of that many characters: header, type, length, characters and a terminating zero, rounded up to eight
    /// bytes.
    /// </summary>
    private const int StringBytes = (8 + 8 + 4 + (2 * (LineLength + 1)) + 7) / 8 * 8;

    /// <summary>The task of a reader, what completes it, and its place among those that wait.</summary>
    private const int MostForReader = 176;

    private readonly Metrics.MetricReader metrics = new(listens: false);
    private readonly Link link;
    private readonly QuietPeer peer = new();
    private readonly byte[] chunk = new byte[2 * Lines * (LineLength + 6)];
    private int said;
    private int acknowledged;

    public AllocationTests()
    {
        // Observers are called at once on a clock that stands still. It reports to a meter that nobody listens to.
        link = NewLink(new() { Scheduler = new HistoricalScheduler(), ObserverScheduler = ImmediateScheduler.Instance, Telemetry = metrics.Options });
        Serve(link, peer);
    }

    [SetUp]
    public void Needs_an_optimized_build() => Assert.That(
        typeof(Link).Assembly.GetCustomAttribute<DebuggableAttribute>()?.IsJITOptimizerDisabled,
        Is.Not.True,
        "The state machine of an async method is an object of its own in an unoptimized build: Rx.IotLink.csproj asks for an optimized one.");

    public void Dispose()
    {
        link.Close();
        peer.Dispose();
        metrics.Dispose();
    }

    [Test]
    public void A_received_line_that_is_observed_as_bytes_allocates_nothing()
    {
        var bytes = 0L;
        using var observing = link.Utf8Lines.Subscribe(line => bytes += line.Length);

        Assert.That(PerLine(Receive), Is.Zero.Within(0.5));
        Assert.That(bytes, Is.EqualTo((long)said * LineLength));
    }

    [Test]
    public void A_receipt_allocates_no_more_for_what_is_heard_while_nobody_observes_that()
    {
        using var observing = link.Utf8Lines.Subscribe(_ => { });
        var unasked = PerReceipt();
        link.Heard.Subscribe(_ => { }).Dispose();

        Assert.That(PerReceipt(), Is.EqualTo(unasked).Within(0.5));

        // The median: a buffer that grows, which it does once, counts for nothing.
        double PerReceipt() => Enumerable.Range(0, 5).Select(_ => PerLine(ReceiveEachAlone)).Order().ElementAt(2);

        void ReceiveEachAlone(int count)
        {
            for (var i = 0; i < count; i++)
                Receive(1);
        }
    }

    [Test]
    public void A_received_line_that_is_observed_as_text_allocates_its_string_and_nothing_else_however_many_observe_it()
    {
        var characters = 0L;
        using var first = link.Lines.Subscribe(line => characters += line.Length);
        using var second = link.Lines.Subscribe(line => characters += line.Length);

        Assert.That(PerLine(Receive), Is.EqualTo(StringBytes).Within(0.5));
        Assert.That(characters, Is.Positive);
    }

    [Test]
    public void A_reader_allocates_its_task_and_what_it_waits_with()
    {
        // By default lines go to readers on the thread that received them.
        using var other = new QuietPeer();
        using var real = NewLink(new() { Telemetry = metrics.Options });
        Serve(real, other);
        var read = 0L;

        Assert.That(PerLine(Read), Is.LessThanOrEqualTo(StringBytes + MostForReader));
        Assert.That(read, Is.EqualTo((long)said * LineLength));

        void Read(int count)
        {
            for (var i = 0; i < count; i++)
            {
                var line = real.ReadLineAsync();
                Receive(1, other);
#pragma warning disable VSTHRD002 // It is done.
                read += line.GetAwaiter().GetResult().Length;
#pragma warning restore VSTHRD002
            }
        }
    }

    [Test]
    public void A_line_that_is_written_as_bytes_allocates_nothing()
    {
        var line = Encoding.ASCII.GetBytes(new string('x', LineLength));
        var writes = new ValueTask[2 * Lines];

        Assert.That(PerLine(Write), Is.Zero.Within(0.5));
        Assert.That(link.Counters.LinesAcknowledged, Is.EqualTo(acknowledged));

        void Write(int count)
        {
#pragma warning disable CA2012 // Each is looked at once, when it is done.
            for (var i = 0; i < count; i++)
                writes[i] = link.WriteUtf8Async(line);
#pragma warning restore CA2012
            Acknowledge(count);
#pragma warning disable VSTHRD002 // It is done.
            for (var i = 0; i < count; i++)
                writes[i].GetAwaiter().GetResult();
#pragma warning restore VSTHRD002
        }
    }

    [Test]
    public void A_line_that_is_written_as_text_allocates_its_task_and_what_it_waits_with()
    {
        var line = new string('x', LineLength);
        var writes = new Task[2 * Lines];

        Assert.That(PerLine(Write), Is.LessThanOrEqualTo(208));

        void Write(int count)
        {
            for (var i = 0; i < count; i++)
                writes[i] = link.WriteAsync(line);
            Acknowledge(count);
            Assert.That(writes[count - 1].IsCompletedSuccessfully);
        }
    }

    [Test]
    public void What_a_written_line_allocates_does_not_depend_on_how_many_wait()
    {
        // No acknowledgement comes: the window fills, and then the outbox.
        var line = new string('x', LineLength);
        void Write(int count)
        {
            for (var i = 0; i < count; i++)
                _ = link.WriteAsync(line, ordering: Ordering.Concurrent);
        }

        Write(300);
        var few = Allocated(() => Write(Lines));
        Write(10_000);
        var many = Allocated(() => Write(Lines));

        Assert.That(many, Is.EqualTo(few).Within(Lines));
    }

    /// <summary>Bytes that a line allocates: those of one more line.</summary>
    private static double PerLine(Action<int> work)
    {
        // Warm: what is made once is made, and the largest buffers there will be are there.
        for (var i = 0; i < 40; i++)
            work(2 * Lines);
        var one = Allocated(() => work(Lines));
        var two = Allocated(() => work(2 * Lines));
        return (double)(two - one) / Lines;
    }

    private static long Allocated(Action work)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        work();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private void Receive(int count) => Receive(count, peer);

    private void Receive(int count, QuietPeer from)
    {
        for (var i = 0; i < count; i++)
        {
            var line = chunk.AsSpan(i * (LineLength + 6), LineLength + 6);
            line.Fill((byte)'x');
            line[0] = (byte)'+';
            ((ushort)++said).TryFormat(line[1..], out _, "x4", CultureInfo.InvariantCulture);
            line[^1] = (byte)'\n';
        }

        from.Say(chunk.AsSpan(0, count * (LineLength + 6)));
    }

    private void Acknowledge(int count)
    {
        Span<byte> line = stackalloc byte[6];
        line[0] = (byte)'=';
        acknowledged += count;
        ((ushort)acknowledged).TryFormat(line[1..], out _, "x4", CultureInfo.InvariantCulture);
        line[5] = (byte)'\n';
        peer.Say(line);
    }

    private static void Serve(Link link, QuietPeer peer) =>
        link.TryServe(peer, new ClientOpening("1", 1, new SessionOffer(Epoch: 2, Tx: 1, Peer: null, Rx: 0, Seen: 0, Window: 16_384, Max: 4_000), Nonce: null));

    private static Link NewLink(IotLinkServerOptions options) =>
        new("1", options, version: 2, new ProtocolFactory(options, Role.Server, "1") { Random = bytes => bytes.Fill(1) }.Create, telemetry: new(options, "server"));
}
