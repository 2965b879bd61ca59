using NUnit.Framework;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Tests.Protocol.Driving;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>The order of message ids, the same at both ends.</summary>
[TestFixture(Side.Client)]
[TestFixture(Side.Server)]
public sealed class MidTests(Side side)
{
    [Test]
    public void Mids_go_00_01_to_ff_and_then_01_again_and_00_is_used_once()
    {
        var end = ProtocolDriver.Open(side);
        Assert.That(Mids(end, count: 900), Is.EqualTo(ExpectedMids().Take(900)));
    }

    [Test]
    public void An_outage_changes_nothing_in_their_order()
    {
        var end = ProtocolDriver.Open(side);
        var mids = new List<string>();
        for (var connection = 0; connection < 40; connection++)
        {
            mids.AddRange(Mids(end, count: 15));
            end.Reconnect();
            end.Take();
        }

        Assert.That(mids, Is.EqualTo(ExpectedMids().Take(600)));
    }

    [Test]
    public void Every_link_has_a_count_of_its_own()
    {
        var first = ProtocolDriver.Open(side);
        Mids(first, count: 300);
        Assert.That(Mids(ProtocolDriver.Open(side), count: 2), Is.EqualTo(["00", "01"]));
    }

    [Test]
    public void Best_effort_and_concurrent_lines_take_mids_too()
    {
        var end = ProtocolDriver.Open(side);
        Mids(end, count: 1);
        end.WriteBestEffort("a");
        end.Write("b");
        end.WriteConcurrently("c");
        end.Receive("01\n");
        end.WriteBestEffort("d");
        Assert.That(end.TakeSaid(), Is.EqualTo(["01a", "02b", "03c", "04d"]));
    }

    [Test]
    public void A_repeated_line_keeps_its_mid_over_a_wrap()
    {
        var end = ProtocolDriver.Open(side);
        Mids(end, count: 250);
        end.WriteConcurrently(Enumerable.Range(0, 12).Select(i => $"x{i}"));
        var sent = end.TakeSaid();
        Assert.That(sent[5..8], Is.EqualTo(["ffx5", "01x6", "02x7"]));
        end.Advance(ProtocolDriver.T);
        Assert.That(end.TakeSaid(), Is.EqualTo(sent));
    }

    [TestCase(0x00, 0x01, 1)]
    [TestCase(0x01, 0x41, 64)]
    [TestCase(0xff, 0x01, 1)]
    [TestCase(0xfe, 0x02, 3)]
    [TestCase(0x81, 0x01, 127)]
    [TestCase(0x07, 0x07, 0)]
    public void The_distance_of_two_mids_leaves_00_out_of_the_wrap(byte earlier, byte later, int distance)
    {
        Assert.That(Mid.Distance(earlier, later), Is.EqualTo(distance));
        var mid = earlier;
        for (var i = 0; i < distance; i++)
            mid = Mid.After(mid);
        Assert.That(mid, Is.EqualTo(later));
    }

    private static IEnumerable<string> ExpectedMids()
    {
        yield return "00";
        while (true)
        {
            for (var mid = 1; mid <= 255; mid++)
                yield return mid.ToString("x2", provider: null);
        }
    }

    /// <summary>The mids of so many lines, each written when the one before was acknowledged.</summary>
    private static List<string> Mids(ProtocolDriver end, int count)
    {
        var mids = new List<string>();
        for (var i = 0; i < count; i++)
        {
            end.Write($"line {i}");
            var said = end.TakeSaid().Single();
            Assert.That(said[2..], Is.EqualTo($"line {i}"));
            mids.Add(said[..2]);
            end.Receive(said[..2] + "\n");
            Assert.That(end.Take(), Is.EqualTo([$"finished line {i}"]));
        }

        return mids;
    }
}
