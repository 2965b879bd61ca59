using System.Reactive.Linq;
using Microsoft.Reactive.Testing;
using NUnit.Framework;
using Rx.IotLink.Testing;

namespace Rx.IotLink.Tests.Testing;

/// <summary>
/// A path of so many bytes a second carries a little at a time, as a radio does: a long write is a stream, not a
/// silence and then a blow.
/// </summary>
public sealed class BandwidthTests
{
    [Test]
    public void A_long_line_on_a_slow_path_arrives_without_an_outage([Values(1, 2)] int protocol)
    {
        using var path = new SlowPath(protocol, bytesPerSecond: 1_000);

        path.Write(new string('x', 3_900));
        path.Network.RunFor(10.s());

        Assert.Multiple(() =>
        {
            Assert.That(path.Received, Has.Count.EqualTo(1));
            Assert.That(path.Device.Link.Counters.Outages, Is.Zero);
            Assert.That(path.ServerEnd.Counters.Outages, Is.Zero);
        });
    }

    [Test]
    public void A_path_that_is_throttled_later_does_the_same([Values(1, 2)] int protocol)
    {
        using var path = new SlowPath(protocol, bytesPerSecond: null);
        path.Device.Path.Throttles(at: path.Network.Now, lasting: 60.s(), bytesPerSecond: 1_000);
        path.Network.RunFor(1.s());

        path.Write(new string('x', 3_900));
        path.Network.RunFor(10.s());

        Assert.That(path.Received, Has.Count.EqualTo(1));
        Assert.That(path.Device.Link.Counters.Outages, Is.Zero);
    }

    [Test]
    public void What_is_on_its_way_when_the_path_becomes_slow_comes_little_by_little([Values(1, 2)] int protocol)
    {
        using var path = new SlowPath(protocol, bytesPerSecond: null, latency: 300.ms());
        path.Write(new string('x', 3_900));

        path.Device.Path.Throttles(at: path.Network.Now, lasting: 60.s(), bytesPerSecond: 1_000);
        path.Network.RunFor(10.s());

        Assert.That(path.Received, Has.Count.EqualTo(1));
        Assert.That(path.Device.Link.Counters.Outages, Is.Zero);
    }

    [TestCase(1_000_000, 1_460)]
    [TestCase(4_000, 200)]
    [TestCase(1_000, 50)]
    [TestCase(59, 2)]
    public void A_piece_is_what_a_packet_carries_or_the_path_in_50_ms_whichever_is_less(int bytesPerSecond, int most)
    {
        using var path = new SlowPath(protocol: 2, bytesPerSecond);
        var pieces = path.PiecesUp();

        path.Write(new string('x', 3_000));
        path.Network.RunFor(1.s());

        Assert.That(pieces.Max(), Is.EqualTo(most));
    }

    [Test]
    public void Slices_are_smaller_still()
    {
        using var path = new SlowPath(protocol: 2, bytesPerSecond: 4_000, slice: 12);
        var pieces = path.PiecesUp();

        path.Write(new string('x', 3_000));
        path.Network.RunFor(1.s());

        Assert.That(pieces, Has.Count.GreaterThan(200).And.All.LessThanOrEqualTo(12));
    }

    private sealed class SlowPath : IDisposable
    {
        private readonly List<SimulatedConnectionBytes> connections = [];

        public SlowPath(int protocol, int? bytesPerSecond, TimeSpan? latency = null, int? slice = null)
        {
            var conditions = new PathConditions { BytesPerSecond = bytesPerSecond, Latency = latency ?? 10.ms(), SliceBytes = slice };
            Network = SimulatedNetwork.On(new TestScheduler(), conditions: conditions);
            var server = Network.AddServer(app: (process, _) => process.Links.SelectMany(link => link.Lines).Subscribe(Received.Add));
            Device = Network.AddDevice("pump-1", server, o => o with { Protocol = protocol });
            Device.ConnectionMade += connection => connections.Add(new(connection.Up));
            Network.RunFor(5.s());
            ServerEnd = server.Link("pump-1");
        }

        public SimulatedNetwork Network { get; }

        public SimulatedDevice Device { get; }

        public ILink ServerEnd { get; }

        public List<string> Received { get; } = [];

        public void Write(string line) => Device.Link.Write(line).Subscribe();

        /// <summary>The sizes of what arrives at the server from now on.</summary>
        public List<long> PiecesUp() => connections[^1].Begin();

        public void Dispose() => Network.Dispose();
    }

    private sealed class SimulatedConnectionBytes
    {
        private readonly List<long> pieces = [];
        private long seen;

        public SimulatedConnectionBytes(Rx.IotLink.Testing.Simulation.Wire wire) => wire.Arrived += () =>
        {
            pieces.Add(wire.Carried - seen);
            seen = wire.Carried;
        };

        public List<long> Begin()
        {
            pieces.Clear();
            return pieces;
        }
    }
}
