using FsCheck.Fluent;
using NUnit.Framework;
using Rx.IotLink.Tests.Protocol.Driving;
using Rx.IotLink.Tests.Protocol.Linking;

namespace Rx.IotLink.Tests.Protocol.Garbage;

/// <summary>Whatever happens, in whatever order, the rules hold and nothing but a typed refusal is thrown.</summary>
public sealed class LifeTests
{
    [TestCase(Side.Client)]
    [TestCase(Side.Server)]
    public void Whatever_happens_the_rules_hold(Side side)
    {
        var (refusals, deliveries, finished) = (0, 0, 0);
        var steps = Gen.Choose(50, 400).SelectMany(count => Step.Any.ArrayOf(count));
        Cases.All(steps, happenings =>
        {
            var life = new Life(side);
            foreach (var step in happenings)
                life.Happens(step);
            refusals += life.Refusals;
            deliveries += life.Deliveries;
            finished += life.Finished;
        });
        TestContext.Out.WriteLine($"{refusals} refusals, {deliveries} lines delivered, {finished} lines finished");
        Assert.That(new[] { refusals, deliveries, finished }, Is.All.GreaterThan(1_000));
    }

    [TestCase(Side.Client)]
    [TestCase(Side.Server)]
    public void A_link_survives_any_bytes_and_serves_the_next_connection(Side side)
    {
        using var bench = new LinkBench(side);
        bench.Listen();
        var (connection, refused) = (0, 0L);
        Cases.All(Cases.AnyBytes(most: 100), bytes =>
        {
            var peer = bench.Serve();
            peer.Say(bytes);
            bench.Advance(LinkBench.Tick);
            peer.Fin();
            Cases.Require(bench.State.Status is LinkStatus.Down or LinkStatus.Connecting, () => $"{bench.State} after the end of the connection");

            var seen = bench.Lines.Count;
            peer = bench.Serve();
            var text = $"hello {connection++}";
            peer.Say($"\n07{text}\n");
            bench.Advance(LinkBench.Tick);
            Cases.Require(bench.Lines.Skip(seen).SequenceEqual([text]), () => $"{text} did not come through");
            peer.Fin();
            refused = bench.Link.Counters.ProtocolErrors;
        });
        Assert.That(refused, Is.GreaterThan(100));
    }
}
