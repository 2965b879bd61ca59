using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Simulation;

/// <summary>
/// On a slow path that loses nothing, nothing is carried twice: what is still on its way is not sent again, and what is
/// written next does not wait behind copies.
/// </summary>
public sealed class SlowPathTests
{
    [TestCase(2, 500, 100, 4_000)]
    [TestCase(2, 1, 200_000, 25_000)]
    [TestCase(2, 30, 4_000, 10_000)]
    [TestCase(2, 600, 205, 8_000)]
    [TestCase(2, 10, 3_900, 1_000)]
    [TestCase(2, 100, 100, 400)]
    [TestCase(1, 500, 100, 4_000)]
    [TestCase(1, 1, 200_000, 25_000)]
    [TestCase(1, 30, 4_000, 10_000)]
    [TestCase(1, 10, 3_900, 1_000)]
    public void To_the_server(int protocol, int lines, int bytes, int rate)
    {
        using var path = new Slow(protocol, rate);
        var up = path.Write(path.Device.Link, lines, bytes);

        // Protocol 1 sends the next line when the one before is acknowledged.
        up.AllAccepted(within: (1.1 * up.Ideal) + 1.s() + (protocol == 1 ? lines * 60.ms() : TimeSpan.Zero));

        TestContext.Out.WriteLine($"carried {path.CarriedUp / up.Bytes:0.000} times");
        Assert.Multiple(() =>
        {
            Assert.That(path.Device.Link.Counters.LinesRepeated, Is.Zero);
            Assert.That(path.Device.Link.Counters.Outages, Is.Zero);
            Assert.That(path.CarriedUp, Is.LessThanOrEqualTo(1.05 * up.Bytes));
        });
        path.Write(path.Device.Link, lines: 1, bytes: 10).AllAccepted(within: 1.s());
    }

    [TestCase(2, 500, 100, 4_000)]
    [TestCase(2, 1, 200_000, 25_000)]
    [TestCase(2, 30, 4_000, 10_000)]
    [TestCase(1, 1, 200_000, 25_000)]
    public void To_the_device(int protocol, int lines, int bytes, int rate)
    {
        using var path = new Slow(protocol, rate);
        var down = path.Write(path.ServerEnd, lines, bytes);

        down.AllAccepted(within: (1.1 * down.Ideal) + 1.s());

        Assert.That(path.ServerEnd.Counters.LinesRepeated, Is.Zero);
        Assert.That(path.CarriedDown, Is.LessThanOrEqualTo(1.05 * down.Bytes));
    }

    /// <summary>Each end's acknowledgements wait behind its own lines.</summary>
    [TestCase(2, 500, 100, 4_000)]
    [TestCase(2, 1, 200_000, 25_000)]
    [TestCase(2, 30, 4_000, 10_000)]
    [TestCase(2, 10, 3_900, 1_000)]
    [TestCase(1, 500, 100, 4_000)]
    [TestCase(1, 30, 4_000, 10_000)]
    public void Both_ways_at_once(int protocol, int lines, int bytes, int rate)
    {
        using var path = new Slow(protocol, rate);
        var (up, down) = (path.Write(path.Device.Link, lines, bytes), path.Write(path.ServerEnd, lines, bytes));

        // Protocol 1 waits for the answer to each line, which waits for a line of the other way.
        up.AllAccepted(within: ((protocol == 1 ? 2.1 : 1.2) * up.Ideal) + 2.s() + (protocol == 1 ? lines * 60.ms() : TimeSpan.Zero));
        down.AllAccepted(within: 2.s());

        Assert.Multiple(() =>
        {
            Assert.That(path.Device.Link.Counters.LinesRepeated + path.ServerEnd.Counters.LinesRepeated, Is.Zero);
            // With the acknowledgements of the other way.
            Assert.That(path.CarriedUp, Is.LessThanOrEqualTo((1.05 * up.Bytes) + (6 * lines)));
            Assert.That(path.CarriedDown, Is.LessThanOrEqualTo((1.05 * down.Bytes) + (6 * lines)));
        });
    }

    [Test]
    public void A_line_behind_much_that_needs_no_acknowledgement_costs_little([Values(1, 2)] int protocol)
    {
        using var path = new Slow(protocol, 4_000);
        for (var line = 0; line < 400; line++)
            path.Device.Link.Write(new string('b', 100), Delivery.BestEffort).Subscribe();

        path.Write(path.Device.Link, lines: 1, bytes: 100).AllAccepted(within: 60.s());

        Assert.That(path.CarriedUp, Is.LessThanOrEqualTo(1.05 * 401 * 106));
    }

    private sealed class Slow : IDisposable
    {
        private readonly SimulatedNetwork network;
        private readonly Func<long> carriedUp;
        private readonly Func<long> carriedDown;

        public Slow(int protocol, int bytesPerSecond)
        {
            Rate = bytesPerSecond;
            network = SimulatedNetwork.On(new TestScheduler(), conditions: new PathConditions { BytesPerSecond = bytesPerSecond, Latency = 20.ms() });
            var server = network.AddServer(configure: o => o with { MaxLineBytes = 300_000 }, app: (process, _) => process.Links.SelectMany(link => link.Lines).Subscribe());
            Device = network.AddDevice("pump-1", server, o => o with { Protocol = protocol, MaxLineBytes = 300_000 });
            (carriedUp, carriedDown) = (() => 0, () => 0);
            Device.ConnectionMade += connection =>
            {
                if (connections++ > 0)
                    Assert.Fail("There was an outage.");
                up = () => connection.Up.Carried;
                down = () => connection.Down.Carried;
            };
            network.RunFor(2.s());
            Device.Link.Lines.Subscribe();
            ServerEnd = server.Link("pump-1");
            var (upBefore, downBefore) = (up!(), down!());
            (carriedUp, carriedDown) = (() => up!() - upBefore, () => down!() - downBefore);
        }

        private int connections;
        private Func<long>? up;
        private Func<long>? down;

        public int Rate { get; }

        public SimulatedDevice Device { get; }

        public ILink ServerEnd { get; }

        public long CarriedUp => carriedUp();

        public long CarriedDown => carriedDown();

        public Written Write(ILink link, int lines, int bytes)
        {
            var written = new Written(network, lines, lines * (bytes + 6.0), Rate);
            for (var line = 0; line < lines; line++)
                link.Write(new string('x', bytes)).Subscribe(_ => written.Accepted++);
            return written;
        }

        public void Dispose() => network.Dispose();
    }

    /// <summary>Lines that were written at once.</summary>
    private sealed class Written(SimulatedNetwork network, int lines, double bytes, int rate)
    {
        private readonly TimeSpan written = network.Now;

        public double Bytes => bytes;

        public TimeSpan Ideal { get; } = TimeSpan.FromSeconds(bytes / rate);

        public int Accepted { get; set; }

        public void AllAccepted(TimeSpan within)
        {
            for (var end = network.Now + within; Accepted < lines && network.Now < end;)
                network.RunFor(100.ms());
            TestContext.Out.WriteLine($"{Accepted} of {lines} lines accepted after {(network.Now - written).TotalSeconds:0.0} s");
            Assert.That(Accepted, Is.EqualTo(lines), $"accepted within {within}");
        }
    }
}
