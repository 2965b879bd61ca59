using NUnit.Framework;
using Rx.IotLink.Protocol.Version1;
using Rx.IotLink.Tests.Protocol.Driving;
using static Rx.IotLink.Tests.Protocol.Driving.ProtocolDriver;

namespace Rx.IotLink.Tests.Protocol;

/// <summary>
/// How much may be on its way: a micropython-iot client holds 20 lines, a micropython-iot server reads 4,096 bytes at
/// once, and the filter of both forgets an id half a round later.
/// </summary>
[TestFixture(Side.Client)]
[TestFixture(Side.Server)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class WindowTests(Side side)
{
    private readonly ProtocolDriver end = Open(side);

    [Test]
    public void Nothing_overtakes_00()
    {
        end.WriteConcurrently("a", "b");
        end.Write("c");
        end.WriteBestEffort("d");
        Assert.That(end.TakeSaid(), Is.EqualTo(["00a"]));
        end.Advance(T);
        Assert.That(end.TakeSaid(), Is.EqualTo(["00a"]), "repeated");
        end.Reconnect();
        Assert.That(end.TakeSaid()[^1], Is.EqualTo("00a"), "repeated on a new connection");
        end.Receive("00\n");
        Assert.That(end.TakeSaid(), Is.EqualTo(["01c", "02b", "03d"]));
    }

    [Test]
    public void An_acknowledgement_of_another_mid_does_not_let_anything_overtake_00()
    {
        end.WriteConcurrently("a", "b");
        end.Receive("01\n02\n");
        Assert.That(end.TakeSaid(), Is.EqualTo(["00a"]));
    }

    [Test]
    public void At_most_16_lines_go_in_a_burst_one_of_them_best_effort()
    {
        PassFirstLine();
        end.WriteConcurrently(Enumerable.Range(0, 40).Select(i => $"x{i}"));
        end.Write("ordered");
        end.WriteBestEffort("b0");
        end.WriteBestEffort("b1");
        Assert.That(Texts(end.TakeSaid()), Is.EqualTo([.. Enumerable.Range(0, 15).Select(i => $"x{i}"), "b0"]));
    }

    [Test]
    public void After_a_reconnection_a_burst_has_at_most_16_lines_too()
    {
        PassFirstLine();
        end.WriteConcurrently(Enumerable.Range(0, 40).Select(i => $"x{i}"));
        end.WriteBestEffort("b0");
        end.WriteBestEffort("b1");
        end.Disconnect();
        end.Take();
        end.ConnectAndOpen();
        var messages = end.TakeSaid().Where(line => line.Length > 2 && line != Id).ToArray();
        Assert.That(Texts(messages), Is.EqualTo([.. Enumerable.Range(0, 15).Select(i => $"x{i}"), "b1"]));
    }

    [Test]
    public void Each_acknowledgement_lets_one_more_line_go()
    {
        PassFirstLine();
        end.WriteConcurrently(Enumerable.Range(0, 20).Select(i => $"x{i}"));
        end.Take();
        end.Receive("03\n");
        Assert.That(end.Take(), Is.EqualTo(["finished x2", "> 10x15"]));
        end.Receive("01\n02\n");
        Assert.That(end.Take(), Is.EqualTo(["finished x0", "> 11x16", "finished x1", "> 12x17"]));
    }

    [Test]
    public void At_most_2048_bytes_of_text_go_in_a_burst()
    {
        PassFirstLine();
        end.WriteConcurrently(new string('a', 1_024), new string('b', 1_024), "c");
        Assert.That(end.TakeSaid().Select(line => line.Length - 2), Is.EqualTo([1_024, 1_024]));
        end.Receive("01\n");
        Assert.That(end.TakeSaid(), Is.EqualTo(["03c"]));
    }

    [Test]
    public void The_burst_is_counted_in_bytes_of_UTF8()
    {
        PassFirstLine();
        end.WriteConcurrently(new string('€', 341), new string('€', 341), "ab", "c");
        Assert.That(end.TakeSaid().Select(line => line.Length - 2), Is.EqualTo([341, 341, 2]), "1,023 + 1,023 + 2 bytes");
    }

    [Test]
    public void A_line_longer_than_a_burst_goes_alone()
    {
        PassFirstLine();
        end.WriteConcurrently("a", new string('b', 4_000));
        end.WriteBestEffort("c");
        Assert.That(Texts(end.TakeSaid()), Is.EqualTo(["a", "c"]), "the long line waits for those on their way");
        end.Receive("01\n02\n");
        end.WriteConcurrently("d");
        end.WriteBestEffort("e");
        Assert.That(Texts(end.TakeSaid()), Is.EqualTo([new string('b', 4_000)]), "and the others for it");
        end.Receive("03\n");
        Assert.That(Texts(end.TakeSaid()), Is.EqualTo(["d", "e"]));
    }

    [Test]
    public void A_long_best_effort_line_goes_alone_too()
    {
        PassFirstLine();
        end.WriteConcurrently("a");
        end.WriteBestEffort(new string('b', 1_901));
        Assert.That(Texts(end.TakeSaid()), Is.EqualTo(["a"]));
        end.Receive("01\n");
        Assert.That(Texts(end.TakeSaid()), Is.EqualTo([new string('b', 1_901)]));
        end.WriteConcurrently("c");
        Assert.That(end.TakeSaid(), Is.Empty);
        end.Advance(T);
        Assert.That(end.TakeSaid(), Is.Empty, "a slow path takes a second for it");
        end.Advance(TimeSpan.FromSeconds(1));
        Assert.That(Texts(end.TakeSaid()), Is.EqualTo(["c"]), "T later at the latest");
    }

    [Test]
    public void A_burst_and_the_best_effort_line_beside_it_stay_under_4096_bytes()
    {
        PassFirstLine();
        foreach (var length in new[] { 4_000, 2_048, 1_901, 1_900 })
            end.WriteBestEffort(new string('b', length));
        end.WriteConcurrently(Enumerable.Repeat(new string('x', 136), 40));
        var mid = 1;
        var onTheirWay = new Queue<int>();
        while (end.TakeSaid() is { } said && (said.Length > 0 || onTheirWay.Count > 0))
        {
            foreach (var line in said)
                onTheirWay.Enqueue(line.Length + 1);
            Assert.That(onTheirWay.Sum(), Is.LessThan(4_096));
            onTheirWay.Dequeue();
            end.Receive($"{mid++:x2}\n");
        }

        Assert.That((mid, end.Unsent), Is.EqualTo((45, 0)));
    }

    [Test]
    public void The_mids_on_their_way_span_less_than_64()
    {
        PassFirstLine();
        end.WriteConcurrently(Enumerable.Range(1, 200).Select(i => $"x{i}"));
        for (var mid = 2; mid <= 64; mid++)
            end.Receive($"{mid:x2}\n");
        Assert.That(end.TakeSaid()[^1], Is.EqualTo("40x64"), "01 was not acknowledged, so 41 may not be used yet");
        end.Receive("01\n");
        Assert.That(end.TakeSaid(), Has.Length.EqualTo(15));
    }

    [Test]
    public void The_span_is_counted_without_00_over_a_wrap()
    {
        PassFirstLine();
        for (var mid = 1; mid < 0xf0; mid++)
        {
            end.Write("x");
            end.Receive($"{mid:x2}\n");
        }

        end.WriteConcurrently(Enumerable.Range(0, 200).Select(i => $"x{i}"));
        byte next = 0xf1;
        for (var i = 0; i < 100; i++, next = Mid.After(next))
            end.Receive($"{next:x2}\n");
        Assert.That(end.TakeSaid()[^1], Is.EqualTo("30x63"), "16 mids f0 to ff, 48 mids 01 to 30");
    }

    [Test]
    public void An_ordered_line_waits_for_the_ordered_line_before_it_and_for_no_other()
    {
        PassFirstLine();
        end.WriteConcurrently("a");
        end.Write("b");
        end.Write("c");
        end.WriteConcurrently("d");
        Assert.That(end.TakeSaid(), Is.EqualTo(["01a", "02b", "03d"]));
        end.Receive("02\n");
        Assert.That(end.TakeSaid(), Is.EqualTo(["04c"]));
    }

    /// <summary>Has the first line of the process written and acknowledged, since nothing overtakes it.</summary>
    private void PassFirstLine()
    {
        end.Write("first");
        end.Receive("00\n");
        end.Take();
    }

    private static IEnumerable<string> Texts(IEnumerable<string> messages) => messages.Select(line => line[2..]);
}
